;; rename: a=b
;; rename: b=a
(module
  (func (export "wizer-initialize"))
  (func (export "a") (result i32) i32.const 1)
  (func (export "b") (result i32) i32.const 2))
