(module
  (type (;0;) (func))
  (export "again" (func 0))
  (func (;0;) (type 0))
  (func (;1;) (type 0)
    unreachable
  )
)
