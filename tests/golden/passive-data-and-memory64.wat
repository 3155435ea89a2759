(module
  (memory i64 1)
  (data $kept "kept")
  (data $dropped "dropped")
  (func (export "wizer-initialize")
    (memory.init $kept (i64.const 8) (i32.const 0) (i32.const 4))
    (data.drop $dropped)))
