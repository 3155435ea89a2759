;; The order is start function, `_initialize`, init function.
(module
  (global $order (mut i32) i32.const 0)
  (start $start)
  (func $step (param i32)
    (global.set $order (i32.add (i32.mul (global.get $order) (i32.const 10)) (local.get 0))))
  (func $start (call $step (i32.const 1)))
  (func (export "wizer-initialize") (call $step (i32.const 3)))
  (func (export "_initialize") (call $step (i32.const 2))))
