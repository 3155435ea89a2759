;; The minimum becomes what the memory has grown to, and the maximum stays.
(module
  (memory (export "memory") 1 8)
  (func (export "wizer-initialize")
    (drop (memory.grow (i32.const 2)))
    (drop (memory.grow (i32.const 100)))
    (i32.store (i32.const 196604) (i32.const -1))))
