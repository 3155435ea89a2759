;; rename: a=b
;; rename: b=c
;; Each export moves one name on, all at once.
(module
  (func (export "wizer-initialize"))
  (func (export "a") (result i32) i32.const 1)
  (func (export "b") (result i32) i32.const 2)
  (func (export "c") (result i32) i32.const 3)
  (func (export "d") (result i32) i32.const 4))
