;; rename: wizer-initialize=after
;; The name is free once the init function is removed.
(module
  (func (export "wizer-initialize"))
  (func (export "after")))
