(module
  (type (;0;) (func))
  (type (;1;) (func (param i32)))
  (import "env" "memory" (memory (;0;) 1 4 shared))
  (export "thread" (func 1))
  (start 3)
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
      memory.atomic.wait32
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
  (func (;3;) (type 0)
    block ;; label = @1
      block ;; label = @2
        block ;; label = @3
          i32.const 1024
          i32.const 0
          i32.const 1
          i32.atomic.rmw.cmpxchg
          br_table 0 (;@3;) 1 (;@2;) 2 (;@1;)
        end
        i32.const 16
        i32.const 0
        i32.const 9
        memory.init $constants
        i32.const 1024
        i32.const 0
        i32.const 1
        memory.init 2
        i32.const 60000
        i32.const 0
        i32.const 1
        memory.init 3
        i32.const 1024
        i32.const 2
        i32.atomic.store
        i32.const 1024
        i32.const -1
        memory.atomic.notify
        drop
        br 1 (;@1;)
      end
      i32.const 1024
      i32.const 1
      i64.const -1
      memory.atomic.wait32
      drop
    end
    data.drop $constants
    data.drop 2
    data.drop 3
  )
  (data $constants (;0;) "constants")
  (data $kept (;1;) "thread")
  (data (;2;) "\01")
  (data (;3;) "*")
)
