;; Waiting becomes a call of as many bytes; each kind of wait gets one function. Other atomic
;; instructions stay.
(module
  (memory $own 1)
  (memory $shared 1 2 shared)
  (func (export "wizer-initialize")
    (drop (memory.atomic.wait32 $shared (i32.const 0) (i32.const 1) (i64.const -1)))
    (drop (memory.atomic.wait32 $shared (i32.const 4) (i32.const 1) (i64.const -1)))
    (drop (memory.atomic.wait32 $shared offset=1000 (i32.const 0) (i32.const 1) (i64.const -1)))
    (drop (memory.atomic.wait64 $shared (i32.const 8) (i64.const 0) (i64.const 5)))
    (drop (memory.atomic.notify $shared (i32.const 8) (i32.const 1)))
    (i32.atomic.store $shared (i32.const 8) (i32.const 42)))
  (func (export "own") (result i32)
    (memory.atomic.wait32 $own (i32.const 0) (i32.const 0) (i64.const -1))))
