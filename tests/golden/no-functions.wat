;; error: ERR_IMPORT_CALLED
;; The function and code sections are made, in their places, for the probes.
(module
  (import "host" "init" (func (;0;)))
  (memory 1)
  (export "wizer-initialize" (func 0))
  (elem func 0)
  (data "passive"))
