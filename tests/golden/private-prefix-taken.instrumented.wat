(module
  (type (;0;) (func))
  (memory (;0;) 1)
  (global $state (;0;) (mut i32) i32.const 0)
  (export "__wasm_preinit_memory0" (memory 0))
  (export "__wasm_preinit__" (global $state))
  (export "wizer-initialize" (func 0))
  (export "__wasm_preinit___memory0" (memory 0))
  (export "__wasm_preinit___global0" (global $state))
  (func (;0;) (type 0)
    i32.const 1
    global.set $state
  )
)
