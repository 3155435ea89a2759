(module
  (type (;0;) (func (param i32)))
  (type (;1;) (func))
  (global $state (;0;) (mut i32) i32.const 2)
  (export "_initialize" (func 0))
  (func (;0;) (type 0) (param i32)
    local.get 0
    global.set $state
  )
  (func (;1;) (type 1)
    global.get $state
    i32.const 1
    i32.add
    global.set $state
  )
)
