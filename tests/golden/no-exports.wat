;; error: ERR_INIT_FUNC_MISSING
;; The export section is made, in its place.
(module
  (type (func))
  (memory 1)
  (global (mut i32) i32.const 0)
  (table 1 funcref)
  (func)
  (elem (i32.const 0) func 0)
  (data (i32.const 0) "x"))
