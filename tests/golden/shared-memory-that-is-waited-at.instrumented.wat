(module
  (type (;0;) (func))
  (type (;1;) (func (result i32)))
  (type (;2;) (func (param i32 i32 i64) (result i32)))
  (type (;3;) (func (param i32 i32 i64) (result i32)))
  (type (;4;) (func (param i32 i64 i64) (result i32)))
  (memory $own (;0;) 1)
  (memory $shared (;1;) 1 2)
  (export "wizer-initialize" (func 0))
  (export "own" (func 1))
  (export "__wasm_preinit_memory0" (memory $own))
  (export "__wasm_preinit_memory1" (memory $shared))
  (func (;0;) (type 0)
    i32.const 0
    i32.const 1
    i64.const -1
    call 2
    drop
    i32.const 4
    i32.const 1
    i64.const -1
    call 2
    drop
    i32.const 0
    i32.const 1
    i64.const -1
    call 3
    drop
    i32.const 8
    i64.const 0
    i64.const 5
    call 4
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
  (func (;2;) (type 2) (param i32 i32 i64) (result i32)
    local.get 0
    i32.atomic.load $shared
    local.get 1
    i32.ne
    if ;; label = @1
      i32.const 1
      return
    end
    local.get 2
    i64.const 0
    i64.ge_s
    if ;; label = @1
      i32.const 2
      return
    end
    local.get 0
    local.get 1
    local.get 2
    memory.atomic.wait32 $shared
  )
  (func (;3;) (type 3) (param i32 i32 i64) (result i32)
    local.get 0
    i32.atomic.load $shared offset=1000
    local.get 1
    i32.ne
    if ;; label = @1
      i32.const 1
      return
    end
    local.get 2
    i64.const 0
    i64.ge_s
    if ;; label = @1
      i32.const 2
      return
    end
    local.get 0
    local.get 1
    local.get 2
    memory.atomic.wait32 $shared offset=1000
  )
  (func (;4;) (type 4) (param i32 i64 i64) (result i32)
    local.get 0
    i64.atomic.load $shared
    local.get 1
    i64.ne
    if ;; label = @1
      i32.const 1
      return
    end
    local.get 2
    i64.const 0
    i64.ge_s
    if ;; label = @1
      i32.const 2
      return
    end
    local.get 0
    local.get 1
    local.get 2
    memory.atomic.wait64 $shared
  )
)
