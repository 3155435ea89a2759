(module
  (type (;0;) (func))
  (memory $bytes (;0;) 10 (pagesize 0x1))
  (memory $bounded (;1;) 10 30 (pagesize 0x1))
  (memory $pages (;2;) 1 (pagesize 0x10000))
  (export "wizer-initialize" (func 0))
  (export "__wasm_preinit_memory0" (memory $bytes))
  (export "__wasm_preinit_memory1" (memory $bounded))
  (export "__wasm_preinit_memory2" (memory $pages))
  (func (;0;) (type 0)
    i32.const 7
    memory.grow
    drop
    i32.const 16
    i32.const 97
    i32.store8
    i32.const 0
    i32.const 98
    i32.store8 $bounded
    i32.const 65535
    i32.const 99
    i32.store8 $pages
  )
)
