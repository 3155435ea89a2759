(module
  (type (;0;) (func))
  (memory (;0;) 1)
  (global $state (;0;) (mut i32) i32.const 13)
  (func $start (;0;) (type 0)
    global.get $state
    i32.const 10
    i32.mul
    global.set $state
    i32.const 0
    i32.const 1
    i32.store8
  )
  (func (;1;) (type 0)
    global.get $state
    i32.const 3
    i32.add
    global.set $state
    i32.const 0
    i32.const 0
    i32.load8_u
    i32.store8 offset=1
  )
  (data (;0;) (i32.const 0) "\01\01active")
)
