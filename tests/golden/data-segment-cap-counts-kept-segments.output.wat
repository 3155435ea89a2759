(module
  (type (;0;) (func))
  (memory (;0;) 1)
  (export "use" (func 1))
  (func (;0;) (type 0)
    i32.const 0
    i32.const 97
    i32.store8
    i32.const 32
    i32.const 98
    i32.store8
  )
  (func (;1;) (type 0)
    data.drop $kept
    data.drop $also_kept
  )
  (data $kept (;0;) "kept")
  (data $also_kept (;1;) "also kept")
  (data (;2;) (i32.const 0) "a\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00b")
)
