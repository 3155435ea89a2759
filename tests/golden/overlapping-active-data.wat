(module
  (memory 1)
  (data (i32.const 0) "aaaaaaaa")
  (data (i32.const 4) "bbbbbbbb")
  (data (i32.const 2) "\00\00")
  (func (export "wizer-initialize")))
