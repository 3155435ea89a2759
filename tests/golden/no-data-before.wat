;; The data section is made, behind the code and before the custom sections at the end.
(module
  (@custom "last" (after last) "stays last")
  (memory 1)
  (func (export "wizer-initialize") (i32.store8 (i32.const 5) (i32.const 0x21))))
