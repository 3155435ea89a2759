;; keep_init_func
;; `_initialize` is removed all the same: it would run init twice.
(module
  (global $state (mut i32) i32.const 1)
  (func (export "wizer-initialize") i32.const 2 global.set $state)
  (func (export "_initialize")))
