;; rename: _start=resume
;; What had the name is no export any more.
(module
  (memory (export "memory") 1)
  (func (export "wizer-initialize"))
  (func (export "_start") unreachable)
  (func (export "resume")))
