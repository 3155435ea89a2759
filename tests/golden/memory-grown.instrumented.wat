(module
  (type (;0;) (func))
  (memory (;0;) 1 8)
  (export "memory" (memory 0))
  (export "wizer-initialize" (func 0))
  (export "__wasm_preinit_memory0" (memory 0))
  (func (;0;) (type 0)
    i32.const 2
    memory.grow
    drop
    i32.const 100
    memory.grow
    drop
    i32.const 196604
    i32.const -1
    i32.store
  )
)
