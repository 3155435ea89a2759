;; Memory indices other than 0 are written out; the empty one has no segment.
(module
  (memory $zero 1)
  (memory $one 1)
  (memory $empty 1)
  (memory $three 1 4)
  (data (memory $one) (i32.const 8) "before")
  (func (export "wizer-initialize")
    (i32.store8 $zero (i32.const 1) (i32.const 0x30))
    (i32.store8 $one (i32.const 100) (i32.const 0x31))
    (drop (memory.grow $three (i32.const 2)))
    (i32.store8 $three (i32.const 131072) (i32.const 0x33))))
