(module
  (type (;0;) (func))
  (memory $small (;0;) 1)
  (memory $large (;1;) 1)
  (export "wizer-initialize" (func 0))
  (export "__wasm_preinit_memory0" (memory $small))
  (export "__wasm_preinit_memory1" (memory $large))
  (func (;0;) (type 0)
    i32.const 65535
    i32.const 97
    i32.store8
    i32.const 0
    i32.const 98
    i32.store8 $large
    i32.const 20
    i32.const 99
    i32.store8 $large
    i32.const 60
    i32.const 100
    i32.store8 $large
  )
)
