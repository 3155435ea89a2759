(module
  (rec
    (type $base (;0;) (sub (struct (field i32))))
    (type $derived (;1;) (sub $base (struct (field i32) (field (ref null $derived)))))
  )
  (type $bytes (;2;) (array (mut i8)))
  (type (;3;) (func))
  (table (;0;) 2 i31ref i32.const 1 ref.i31)
  (memory (;0;) 0 0)
  (global $null (;0;) (mut (ref null $derived)) ref.null $derived)
  (global $small (;1;) (mut i31ref) i32.const 5 ref.i31)
  (global $count (;2;) (mut i32) i32.const 0)
  (export "wizer-initialize" (func 0))
  (export "__wasm_preinit_global0" (global $null))
  (export "__wasm_preinit_global1" (global $small))
  (export "__wasm_preinit_global2" (global $count))
  (export "__wasm_preinit_table0" (table 0))
  (export "__wasm_preinit_data0" (func 1))
  (func (;0;) (type 3)
    i32.const 0
    i32.const 4
    array.new_data $bytes $text
    array.len
    global.set $count
  )
  (func (;1;) (type 3)
    i32.const 0
    i32.const 1
    i32.const 0
    memory.init $text
  )
  (data $text (;0;) "text")
)
