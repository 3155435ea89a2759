(module
  (type (;0;) (func))
  (import "host" "init" (func (;0;) (type 0)))
  (table (;0;) 0 0 funcref)
  (memory (;0;) 1)
  (export "wizer-initialize" (func 0))
  (export "__wasm_preinit_memory0" (memory 0))
  (export "__wasm_preinit_element0" (func 1))
  (elem (;0;) func 0)
  (func (;1;) (type 0)
    i32.const 0
    i32.const 1
    i32.const 0
    table.init 0
  )
  (data (;0;) "passive")
)
