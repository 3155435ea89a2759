(module
  (type (;0;) (func))
  (memory (;0;) 1)
  (func (;0;) (type 0)
    i32.const 100
    i32.const 97
    i32.store8
    i32.const 120
    i32.const 98
    i32.store8
    i32.const 140
    i32.const 99
    i32.store8
    i32.const 160
    i32.const 100
    i32.store8
  )
  (data (;0;) (i32.const 100) "a")
  (data (;1;) (i32.const 120) "b")
  (data (;2;) (i32.const 140) "c\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00d")
)
