(module
  (type (;0;) (func))
  (export "use" (func 1))
  (func (;0;) (type 0)
    data.drop $dropped
  )
  (func (;1;) (type 0)
    data.drop $kept
  )
  (data $kept (;0;) "kept")
  (data $dropped (;1;) "")
)
