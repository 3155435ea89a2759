(module
  (type (;0;) (func))
  (memory (;0;) i64 1)
  (export "wizer-initialize" (func 0))
  (export "__wasm_preinit_memory0" (memory 0))
  (export "__wasm_preinit_data0" (func 1))
  (export "__wasm_preinit_data1" (func 2))
  (func (;0;) (type 0)
    i64.const 8
    i32.const 0
    i32.const 4
    memory.init $kept
    data.drop $dropped
  )
  (func (;1;) (type 0)
    i64.const 0
    i32.const 1
    i32.const 0
    memory.init $kept
  )
  (func (;2;) (type 0)
    i64.const 0
    i32.const 1
    i32.const 0
    memory.init $dropped
  )
  (data $kept (;0;) "kept")
  (data $dropped (;1;) "dropped")
)
