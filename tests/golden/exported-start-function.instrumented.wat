(module
  (type (;0;) (func))
  (global $state (;0;) (mut i32) i32.const 1)
  (export "again" (func $start))
  (export "wizer-initialize" (func 1))
  (export "__wasm_preinit_global0" (global $state))
  (export "__wasm_preinit_start" (func $start))
  (func $start (;0;) (type 0)
    global.get $state
    i32.const 10
    i32.mul
    global.set $state
  )
  (func (;1;) (type 0))
)
