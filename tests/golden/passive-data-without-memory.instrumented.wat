(module
  (type (;0;) (func))
  (memory (;0;) 0 0)
  (export "wizer-initialize" (func 0))
  (export "use" (func 1))
  (export "__wasm_preinit_data0" (func 2))
  (export "__wasm_preinit_data1" (func 3))
  (func (;0;) (type 0)
    data.drop $dropped
  )
  (func (;1;) (type 0)
    data.drop $kept
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
    memory.init $dropped
  )
  (data $kept (;0;) "kept")
  (data $dropped (;1;) "dropped")
)
