(module
  (type (;0;) (func))
  (type (;1;) (func (result i32)))
  (global $state (;0;) (mut i32) i32.const 1)
  (export "wizer-initialize" (func 0))
  (export "_initialize" (func 1))
  (export "run" (func 2))
  (export "__wasm_preinit_global0" (global $state))
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
