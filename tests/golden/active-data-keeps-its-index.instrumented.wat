(module
  (type (;0;) (func))
  (memory (;0;) 1)
  (export "wizer-initialize" (func 0))
  (export "use" (func 1))
  (export "__wasm_preinit_memory0" (memory 0))
  (export "__wasm_preinit_data1" (func 2))
  (func (;0;) (type 0)
    i32.const 1000
    i32.const 0
    i32.const 6
    memory.fill
  )
  (func (;1;) (type 0)
    i32.const 0
    i32.const 0
    i32.const 7
    memory.init $passive
    data.drop $first
    data.drop $third
  )
  (func (;2;) (type 0)
    i32.const 0
    i32.const 1
    i32.const 0
    memory.init $passive
  )
  (data $first (;0;) (i32.const 0) "first")
  (data $passive (;1;) "passive")
  (data $second (;2;) (i32.const 1000) "second")
  (data $third (;3;) (i32.const 2000) "third")
)
