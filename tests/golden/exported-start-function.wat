;; It stays an export.
(module
  (global $state (mut i32) i32.const 1)
  (start $start)
  (func $start (export "again")
    (global.set $state (i32.mul (global.get $state) (i32.const 10))))
  (func (export "wizer-initialize")))
