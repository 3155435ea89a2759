(module
  (type (;0;) (func))
  (memory (;0;) 1)
  (export "wizer-initialize" (func 0))
  (export "__wasm_preinit_memory0" (memory 0))
  (func (;0;) (type 0)
    i32.const 10
    i32.const 97
    i32.store8
    i32.const 13
    i32.const 98
    i32.store8
    i32.const 19
    i32.const 99
    i32.store8
    i32.const 60
    i32.const 100
    i32.store8
  )
)
