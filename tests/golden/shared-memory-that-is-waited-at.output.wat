(module
  (type (;0;) (func))
  (type (;1;) (func (result i32)))
  (memory $own (;0;) 1)
  (memory $shared (;1;) 1 2 shared)
  (export "own" (func 1))
  (func (;0;) (type 0)
    i32.const 0
    i32.const 1
    i64.const -1
    memory.atomic.wait32 $shared
    drop
    i32.const 4
    i32.const 1
    i64.const -1
    memory.atomic.wait32 $shared
    drop
    i32.const 0
    i32.const 1
    i64.const -1
    memory.atomic.wait32 $shared offset=1000
    drop
    i32.const 8
    i64.const 0
    i64.const 5
    memory.atomic.wait64 $shared
    drop
    i32.const 8
    i32.const 1
    memory.atomic.notify $shared
    drop
    i32.const 8
    i32.const 42
    i32.atomic.store $shared
  )
  (func (;1;) (type 1) (result i32)
    i32.const 0
    i32.const 0
    i64.const -1
    memory.atomic.wait32
  )
  (data (;0;) (memory $shared) (i32.const 8) "*")
)
