;; Offsets are 64-bit constants where the memory's addresses are.
(module
  (memory $small 1)
  (memory $large i64 1 100)
  (func (export "wizer-initialize")
    (i32.store8 $small (i32.const 8) (i32.const 0x61))
    (drop (memory.grow $large (i64.const 3)))
    (i32.store8 $large (i64.const 70000) (i32.const 0x62))))
