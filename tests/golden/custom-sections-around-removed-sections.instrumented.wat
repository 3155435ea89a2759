(module
  (type (;0;) (func))
  (memory (;0;) 1)
  (export "wizer-initialize" (func 1))
  (export "__wasm_preinit_memory0" (memory 0))
  (export "__wasm_preinit_start" (func $start))
  (func $start (;0;) (type 0))
  (func (;1;) (type 0)
    i32.const 0
    i32.const 97
    i32.store8
  )
)
