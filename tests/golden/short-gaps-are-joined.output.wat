(module
  (type (;0;) (func))
  (memory (;0;) 1)
  (func (;0;) (type 0)
    i32.const 10
    i32.const 97
    i32.store8
    i32.const 13
    i32.const 98
    i32.store8
    i32.const 19
    i32.const 99
    i32.store8
    i32.const 60
    i32.const 100
    i32.store8
  )
  (data (;0;) (i32.const 10) "a\00\00b\00\00\00\00\00c")
  (data (;1;) (i32.const 60) "d")
)
