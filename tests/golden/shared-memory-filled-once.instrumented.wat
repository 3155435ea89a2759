(module
  (type (;0;) (func))
  (type (;1;) (func (param i32)))
  (type (;2;) (func (param i32 i32 i64) (result i32)))
  (import "env" "memory" (memory (;0;) 1 4))
  (export "thread" (func 1))
  (export "wizer-initialize" (func 2))
  (export "__wasm_preinit_memory0" (memory 0))
  (export "__wasm_preinit_start" (func $fill))
  (export "__wasm_preinit_data0" (func 4))
  (export "__wasm_preinit_data1" (func 5))
  (func $fill (;0;) (type 0)
    block $filled
      block $filling
        block $empty
          i32.const 1024
          i32.const 0
          i32.const 1
          i32.atomic.rmw.cmpxchg
          br_table $empty $filling $filled
        end
        i32.const 16
        i32.const 0
        i32.const 9
        memory.init $constants
        i32.const 1024
        i32.const 2
        i32.atomic.store
        i32.const 1024
        i32.const -1
        memory.atomic.notify
        drop
        br $filled
      end
      i32.const 1024
      i32.const 1
      i64.const -1
      call 3
      drop
    end
    data.drop $constants
  )
  (func (;1;) (type 1) (param i32)
    local.get 0
    i32.const 0
    i32.const 6
    memory.init $kept
  )
  (func (;2;) (type 0)
    i32.const 60000
    i32.const 42
    i32.store
  )
  (func (;3;) (type 2) (param i32 i32 i64) (result i32)
    local.get 0
    i32.atomic.load
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
    memory.atomic.wait32
  )
  (func (;4;) (type 0)
    i32.const 0
    i32.const 1
    i32.const 0
    memory.init $constants
  )
  (func (;5;) (type 0)
    i32.const 0
    i32.const 1
    i32.const 0
    memory.init $kept
  )
  (data $constants (;0;) "constants")
  (data $kept (;1;) "thread")
)
