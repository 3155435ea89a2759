(module
  (type (;0;) (func))
  (memory (;0;) 1)
  (export "wizer-initialize" (func 0))
  (export "use" (func 1))
  (export "__wasm_preinit_memory0" (memory 0))
  (export "__wasm_preinit_data0" (func 2))
  (export "__wasm_preinit_data1" (func 3))
  (func (;0;) (type 0)
    i32.const 0
    i32.const 97
    i32.store8
    i32.const 32
    i32.const 98
    i32.store8
  )
  (func (;1;) (type 0)
    data.drop $kept
    data.drop $also_kept
  )
  (func (;2;) (type 0)
    i32.const 0
    i32.const 1
    i32.const 0
    memory.init $kept
  )
  (func (;3;) (type 0)
    i32.const 0
    i32.const 1
    i32.const 0
    memory.init $also_kept
  )
  (data $kept (;0;) "kept")
  (data $also_kept (;1;) "also kept")
)
