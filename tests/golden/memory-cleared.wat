;; Memory without a byte that is set needs no segment.
(module
  (memory 1)
  (data (i32.const 0) "gone")
  (func (export "wizer-initialize")
    (i32.store (i32.const 0) (i32.const 0))))
