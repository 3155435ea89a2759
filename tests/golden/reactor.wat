;; `_initialize` runs once, before init, and is no export afterwards.
(module
  (global $state (mut i32) i32.const 1)
  (func (export "wizer-initialize")
    (global.set $state (i32.add (global.get $state) (i32.const 3))))
  (func (export "_initialize")
    (global.set $state (i32.mul (global.get $state) (i32.const 10))))
  (func (export "run") (result i32) global.get $state))
