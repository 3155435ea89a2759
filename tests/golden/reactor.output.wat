(module
  (type (;0;) (func))
  (type (;1;) (func (result i32)))
  (global $state (;0;) (mut i32) i32.const 13)
  (export "run" (func 2))
  (func (;0;) (type 0)
    global.get $state
    i32.const 3
    i32.add
    global.set $state
  )
  (func (;1;) (type 0)
    global.get $state
    i32.const 10
    i32.mul
    global.set $state
  )
  (func (;2;) (type 1) (result i32)
    global.get $state
  )
)
