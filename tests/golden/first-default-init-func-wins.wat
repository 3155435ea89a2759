;; The other one is an export like any other.
(module
  (global $state (mut i32) i32.const 0)
  (func (export "wizer.initialize") i32.const 1 global.set $state)
  (func (export "wizer-initialize") i32.const 2 global.set $state))
