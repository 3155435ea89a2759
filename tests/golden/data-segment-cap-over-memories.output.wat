(module
  (type (;0;) (func))
  (memory $small (;0;) 1)
  (memory $large (;1;) 1)
  (func (;0;) (type 0)
    i32.const 65535
    i32.const 97
    i32.store8
    i32.const 0
    i32.const 98
    i32.store8 $large
    i32.const 20
    i32.const 99
    i32.store8 $large
    i32.const 60
    i32.const 100
    i32.store8 $large
  )
  (data (;0;) (i32.const 65535) "a")
  (data (;1;) (memory $large) (i32.const 0) "b\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00c")
  (data (;2;) (memory $large) (i32.const 60) "d")
)
