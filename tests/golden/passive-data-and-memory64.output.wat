(module
  (type (;0;) (func))
  (memory (;0;) i64 1)
  (func (;0;) (type 0)
    i64.const 8
    i32.const 0
    i32.const 4
    memory.init $kept
    data.drop $dropped
  )
  (data $kept (;0;) "kept")
  (data $dropped (;1;) (i64.const 8) "kept")
)
