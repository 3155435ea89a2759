(module
  (type (;0;) (func))
  (global $state (;0;) (mut i32) i32.const 2)
  (export "wizer.initialize" (func 0))
  (func (;0;) (type 0)
    i32.const 1
    global.set $state
  )
  (func (;1;) (type 0)
    i32.const 2
    global.set $state
  )
)
