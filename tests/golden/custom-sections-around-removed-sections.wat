;; A custom section before the start section stays when that one goes.
(module
  (@custom "before start" (before start) "a")
  (@custom "after start" (after start) "b")
  (@custom "after code" (after code) "c")
  (memory 1)
  (start $start)
  (func $start)
  (func (export "wizer-initialize") (i32.store8 (i32.const 0) (i32.const 0x61))))
