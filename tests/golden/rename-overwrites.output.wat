(module
  (type (;0;) (func))
  (memory (;0;) 1)
  (export "memory" (memory 0))
  (export "_start" (func 2))
  (func (;0;) (type 0))
  (func (;1;) (type 0)
    unreachable
  )
  (func (;2;) (type 0))
)
