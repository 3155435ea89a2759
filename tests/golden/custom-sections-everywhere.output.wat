(module
  (@custom "first" (before first) "\00\01\02")
  (@custom "before type" (before first) "1")
  (type (;0;) (func))
  (@custom "before import" (after type) "2")
  (import "host" "unused" (func (;0;) (type 0)))
  (@custom "before func" (after import) "3")
  (@custom "before table" (after func) "4")
  (table (;0;) 1 funcref)
  (@custom "before memory" (after table) "5")
  (memory (;0;) 1)
  (@custom "before global" (after memory) "6")
  (global $state (;0;) (mut i32) i32.const 1)
  (@custom "before export" (after global) "7")
  (@custom "before start" (after global) "8")
  (@custom "before elem" (after global) "9")
  (elem (;0;) (i32.const 0) func $start)
  (@custom "before code" (after elem) "10")
  (func $start (;1;) (type 0)
    i32.const 1
    global.set $state
  )
  (func (;2;) (type 0)
    i32.const 0
    i32.const 97
    i32.store8
  )
  (@custom "before data" (after code) "11")
  (data (;0;) (i32.const 0) "a")
  (@custom "same name" (after data) "12")
  (@custom "same name" (after data) "13")
  (@custom "" (after data) "")
)
