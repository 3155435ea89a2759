(module
  (type (;0;) (func))
  (memory (;0;) 1)
  (export "wizer-initialize" (func 0))
  (export "use" (func 1))
  (export "__wasm_preinit_memory0" (memory 0))
  (export "__wasm_preinit_data0" (func 2))
  (export "__wasm_preinit_data1" (func 3))
  (export "__wasm_preinit_data2" (func 4))
  (export "__wasm_preinit_data3" (func 5))
  (func (;0;) (type 0)
    i32.const 0
    i32.const 1
    i32.const 2
    memory.init $kept
    i32.const 100
    i32.const 0
    i32.const 7
    memory.init $dropped
    data.drop $dropped
    data.drop $empty_dropped
    i32.const 0
    i32.load8_u
    if ;; label = @1
      data.drop $maybe
    end
    i32.const 0
    i32.load8_u
    i32.eqz
    if ;; label = @1
      data.drop $maybe_not
    end
  )
  (func (;1;) (type 0)
    i32.const 0
    i32.const 0
    i32.const 4
    memory.init $kept
    i32.const 0
    i32.const 0
    i32.const 0
    memory.init $maybe
    i32.const 0
    i32.const 0
    i32.const 4
    memory.init $maybe_not
    i32.const 0
    i32.const 0
    i32.const 0
    memory.init $empty
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
  (func (;4;) (type 0)
    i32.const 0
    i32.const 1
    i32.const 0
    memory.init $maybe
  )
  (func (;5;) (type 0)
    i32.const 0
    i32.const 1
    i32.const 0
    memory.init $maybe_not
  )
  (data $kept (;0;) "kept")
  (data $dropped (;1;) "dropped")
  (data $maybe (;2;) "dropped if memory says so")
  (data $maybe_not (;3;) "kept if memory says so")
  (data $empty (;4;) "")
  (data $empty_dropped (;5;) "")
)
