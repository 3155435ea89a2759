(module
  (rec
    (type $base (;0;) (sub (struct (field i32))))
    (type $derived (;1;) (sub $base (struct (field i32) (field (ref null $derived)))))
  )
  (type $bytes (;2;) (array (mut i8)))
  (type (;3;) (func))
  (table (;0;) 2 i31ref i32.const 1 ref.i31)
  (global $null (;0;) (mut (ref null $derived)) ref.null $derived)
  (global $small (;1;) (mut i31ref) i32.const 5 ref.i31)
  (global $count (;2;) (mut i32) i32.const 4)
  (func (;0;) (type 3)
    i32.const 0
    i32.const 4
    array.new_data $bytes $text
    array.len
    global.set $count
  )
  (data $text (;0;) "text")
)
