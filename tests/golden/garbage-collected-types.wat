;; Types in groups and with supertypes stay byte for byte; null and i31 references can be kept.
(module
  (rec
    (type $base (sub (struct (field i32))))
    (type $derived (sub $base (struct (field i32) (field (ref null $derived))))))
  (type $bytes (array (mut i8)))
  (global $null (mut (ref null $derived)) (ref.null $derived))
  (global $small (mut i31ref) (ref.i31 (i32.const 5)))
  (global $count (mut i32) i32.const 0)
  (table 2 i31ref (ref.i31 (i32.const 1)))
  (data $text "text")
  (func (export "wizer-initialize")
    (global.set $count
      (array.len (array.new_data $bytes $text (i32.const 0) (i32.const 4))))))
