(module
  (type (;0;) (func))
  (memory (;0;) 3 8)
  (export "memory" (memory 0))
  (func (;0;) (type 0)
    i32.const 2
    memory.grow
    drop
    i32.const 100
    memory.grow
    drop
    i32.const 196604
    i32.const -1
    i32.store
  )
  (data (;0;) (i32.const 196604) "\ff\ff\ff\ff")
)
