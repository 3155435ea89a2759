(module
  (type (;0;) (func))
  (memory $small (;0;) 1)
  (memory $large (;1;) i64 4 100)
  (func (;0;) (type 0)
    i32.const 8
    i32.const 97
    i32.store8
    i64.const 3
    memory.grow $large
    drop
    i64.const 70000
    i32.const 98
    i32.store8 $large
  )
  (data (;0;) (i32.const 8) "a")
  (data (;1;) (memory $large) (i64.const 70000) "b")
)
