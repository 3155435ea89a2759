;; Without a DataCount section the segments are free to become others.
(module
  (memory 1)
  (data (i32.const 0) "first")
  (data (i32.const 1000) "second")
  (data (i32.const 2000) "third")
  (func (export "wizer-initialize")
    (i32.store8 (i32.const 5) (i32.const 0x21))
    (i32.store16 (i32.const 3000) (i32.const 0x6f6b))))
