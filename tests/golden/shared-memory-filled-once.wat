;; As wasm-ld writes it: the output's start function goes by the same word, at 1024, which its segments
;; leave at 1.
(module
  (import "env" "memory" (memory 1 4 shared))
  (data $constants "constants")
  (data $kept "thread")
  (func $fill
    (block $filled
      (block $filling
        (block $empty
          (br_table $empty $filling $filled
            (i32.atomic.rmw.cmpxchg (i32.const 1024) (i32.const 0) (i32.const 1))))
        (memory.init $constants (i32.const 16) (i32.const 0) (i32.const 9))
        (i32.atomic.store (i32.const 1024) (i32.const 2))
        (drop (memory.atomic.notify (i32.const 1024) (i32.const -1)))
        (br $filled))
      (drop (memory.atomic.wait32 (i32.const 1024) (i32.const 1) (i64.const -1))))
    (data.drop $constants))
  (start $fill)
  (func (export "thread") (param i32)
    (memory.init $kept (local.get 0) (i32.const 0) (i32.const 6)))
  (func (export "wizer-initialize")
    (i32.store (i32.const 60000) (i32.const 42))))
