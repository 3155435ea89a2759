;; It runs before init, and not again.
(module
  (global $state (mut i32) i32.const 1)
  (memory 1)
  (start $start)
  (func $start
    (global.set $state (i32.mul (global.get $state) (i32.const 10)))
    (i32.store8 (i32.const 0) (i32.const 1)))
  (func (export "wizer-initialize")
    (global.set $state (i32.add (global.get $state) (i32.const 3)))
    (i32.store8 offset=1 (i32.const 0) (i32.load8_u (i32.const 0))))
  (data (i32.const 2) "active"))
