(module
  (type (;0;) (func))
  (memory (;0;) 1)
  (func (;0;) (type 0))
  (data (;0;) (i32.const 0) "aa\00\00bbbbbbbb")
)
