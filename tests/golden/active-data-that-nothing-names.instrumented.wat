(module
  (type (;0;) (func))
  (memory (;0;) 1)
  (export "wizer-initialize" (func 0))
  (export "__wasm_preinit_memory0" (memory 0))
  (func (;0;) (type 0)
    i32.const 5
    i32.const 33
    i32.store8
    i32.const 3000
    i32.const 28523
    i32.store16
  )
  (data (;0;) (i32.const 0) "first")
  (data (;1;) (i32.const 1000) "second")
  (data (;2;) (i32.const 2000) "third")
)
