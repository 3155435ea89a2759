;; rename: mem=memory
;; Any export can be renamed, not functions alone.
(module
  (memory (export "memory") 1)
  (func (export "wizer-initialize") (i32.store8 (i32.const 0) (i32.const 1))))
