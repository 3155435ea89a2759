(module
  (type (;0;) (func))
  (memory (;0;) 1)
  (@custom "before start" (after memory) "a")
  (@custom "after start" (after memory) "b")
  (func $start (;0;) (type 0))
  (func (;1;) (type 0)
    i32.const 0
    i32.const 97
    i32.store8
  )
  (data (;0;) (i32.const 0) "a")
  (@custom "after code" (after data) "c")
)
