(module
  (type (;0;) (func))
  (export "wizer-initialize" (func 0))
  (export "after" (func 1))
  (func (;0;) (type 0))
  (func (;1;) (type 0))
)
