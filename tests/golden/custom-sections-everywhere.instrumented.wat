(module
  (type (;0;) (func))
  (import "host" "unused" (func (;0;) (type 0)))
  (table (;0;) 1 funcref)
  (memory (;0;) 1)
  (global $state (;0;) (mut i32) i32.const 0)
  (export "wizer-initialize" (func 2))
  (export "__wasm_preinit_memory0" (memory 0))
  (export "__wasm_preinit_global0" (global $state))
  (export "__wasm_preinit_table0" (table 0))
  (export "__wasm_preinit_start" (func $start))
  (elem (;0;) (i32.const 0) func $start)
  (func $start (;1;) (type 0)
    i32.const 1
    global.set $state
  )
  (func (;2;) (type 0)
    i32.const 0
    i32.const 97
    i32.store8
  )
  (data (;0;) (i32.const 0) "x")
)
