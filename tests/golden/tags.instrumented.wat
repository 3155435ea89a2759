(module
  (type (;0;) (func (param i32)))
  (type (;1;) (func))
  (memory (;0;) 0 0)
  (tag $error (;0;) (type 0) (param i32))
  (global $state (;0;) (mut i32) i32.const 0)
  (export "error" (tag 0))
  (export "wizer-initialize" (func 0))
  (export "use" (func 1))
  (export "__wasm_preinit_global0" (global $state))
  (export "__wasm_preinit_data0" (func 2))
  (func (;0;) (type 1)
    i32.const 1
    global.set $state
  )
  (func (;1;) (type 1)
    data.drop $passive
    i32.const 1
    throw $error
  )
  (func (;2;) (type 1)
    i32.const 0
    i32.const 1
    i32.const 0
    memory.init $passive
  )
  (data $passive (;0;) "passive")
)
