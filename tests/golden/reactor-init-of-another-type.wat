;; An `_initialize` that takes something is an export like any other.
(module
  (global $state (mut i32) i32.const 1)
  (func (export "_initialize") (param i32)
    (global.set $state (local.get 0)))
  (func (export "wizer-initialize")
    (global.set $state (i32.add (global.get $state) (i32.const 1)))))
