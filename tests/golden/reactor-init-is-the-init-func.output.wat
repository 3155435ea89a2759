(module
  (type (;0;) (func))
  (global $state (;0;) (mut i32) i32.const 10)
  (func (;0;) (type 0)
    global.get $state
    i32.const 10
    i32.mul
    global.set $state
  )
)
