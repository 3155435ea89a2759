(module
  (type (;0;) (func))
  (memory (;0;) 1)
  (export "use" (func 1))
  (func (;0;) (type 0)
    i32.const 1000
    i32.const 0
    i32.const 6
    memory.fill
  )
  (func (;1;) (type 0)
    i32.const 0
    i32.const 0
    i32.const 7
    memory.init $passive
    data.drop $first
    data.drop $third
  )
  (data $first (;0;) (i32.const 0) "first")
  (data $passive (;1;) "passive")
  (data $second (;2;) (i32.const 2000) "third")
  (data $third (;3;) "")
)
