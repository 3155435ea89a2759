;; keep_init_func
;; rename: again=wizer-initialize
(module
  (func (export "wizer-initialize"))
  (func (export "again") unreachable))
