(module
  (type (;0;) (func))
  (memory (;0;) 1)
  (export "memory" (memory 0))
  (export "wizer-initialize" (func 0))
  (export "_start" (func 1))
  (export "resume" (func 2))
  (export "__wasm_preinit_memory0" (memory 0))
  (func (;0;) (type 0))
  (func (;1;) (type 0)
    unreachable
  )
  (func (;2;) (type 0))
)
