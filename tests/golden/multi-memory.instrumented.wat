(module
  (type (;0;) (func))
  (memory $zero (;0;) 1)
  (memory $one (;1;) 1)
  (memory $empty (;2;) 1)
  (memory $three (;3;) 1 4)
  (export "wizer-initialize" (func 0))
  (export "__wasm_preinit_memory0" (memory $zero))
  (export "__wasm_preinit_memory1" (memory $one))
  (export "__wasm_preinit_memory2" (memory $empty))
  (export "__wasm_preinit_memory3" (memory $three))
  (func (;0;) (type 0)
    i32.const 1
    i32.const 48
    i32.store8
    i32.const 100
    i32.const 49
    i32.store8 $one
    i32.const 2
    memory.grow $three
    drop
    i32.const 131072
    i32.const 51
    i32.store8 $three
  )
  (data (;0;) (memory $one) (i32.const 8) "before")
)
