;; init_func: _initialize
;; It runs once.
(module
  (global $state (mut i32) i32.const 1)
  (func (export "_initialize")
    (global.set $state (i32.mul (global.get $state) (i32.const 10)))))
