;; They stay, in their order.
(module
  (import "host" "f" (func $imported))
  (memory (export "memory") 1)
  (table (export "table") 1 funcref)
  (global (export "global") i32 i32.const 1)
  (func $f (export "function") (export "same function"))
  (func (export "wizer-initialize"))
  (export "" (func $imported))
  (export "ünïcode \"quoted\"" (func $f)))
