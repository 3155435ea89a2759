(module
  (type (;0;) (func (param i32)))
  (type (;1;) (func))
  (global $order (;0;) (mut i32) i32.const 0)
  (export "wizer-initialize" (func 2))
  (export "_initialize" (func 3))
  (export "__wasm_preinit_global0" (global $order))
  (export "__wasm_preinit_start" (func $start))
  (func $step (;0;) (type 0) (param i32)
    global.get $order
    i32.const 10
    i32.mul
    local.get 0
    i32.add
    global.set $order
  )
  (func $start (;1;) (type 1)
    i32.const 1
    call $step
  )
  (func (;2;) (type 1)
    i32.const 3
    call $step
  )
  (func (;3;) (type 1)
    i32.const 2
    call $step
  )
)
