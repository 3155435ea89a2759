(module
  (type (;0;) (func))
  (memory $zero (;0;) 1)
  (memory $one (;1;) 1)
  (memory $empty (;2;) 1)
  (memory $three (;3;) 3 4)
  (func (;0;) (type 0)
    i32.const 1
    i32.const 48
    i32.store8
    i32.const 100
    i32.const 49
    i32.store8 $one
    i32.const 2
    memory.grow $three
    drop
    i32.const 131072
    i32.const 51
    i32.store8 $three
  )
  (data (;0;) (i32.const 1) "0")
  (data (;1;) (memory $one) (i32.const 8) "before")
  (data (;2;) (memory $one) (i32.const 100) "1")
  (data (;3;) (memory $three) (i32.const 131072) "3")
)
