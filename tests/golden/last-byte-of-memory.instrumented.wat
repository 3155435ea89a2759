(module
  (type (;0;) (func))
  (memory (;0;) 1 1)
  (export "wizer-initialize" (func 0))
  (export "__wasm_preinit_memory0" (memory 0))
  (func (;0;) (type 0)
    i32.const 0
    i32.const 97
    i32.store8
    i32.const 65535
    i32.const 122
    i32.store8
  )
)
