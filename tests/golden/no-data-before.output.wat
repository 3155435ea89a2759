(module
  (type (;0;) (func))
  (memory (;0;) 1)
  (func (;0;) (type 0)
    i32.const 5
    i32.const 33
    i32.store8
  )
  (data (;0;) (i32.const 5) "!")
  (@custom "last" (after data) "stays last")
)
