(module
  (type (;0;) (func))
  (table $functions (;0;) 4 funcref)
  (table $externs (;1;) 4 externref)
  (export "wizer-initialize" (func 3))
  (export "use" (func 4))
  (export "__wasm_preinit_table0" (table $functions))
  (export "__wasm_preinit_table1" (table $externs))
  (export "__wasm_preinit_function2" (func $h))
  (export "__wasm_preinit_element1" (func 5))
  (export "__wasm_preinit_element2" (func 6))
  (export "__wasm_preinit_element3" (func 7))
  (export "__wasm_preinit_element4" (func 8))
  (export "__wasm_preinit_element5" (func 9))
  (export "__wasm_preinit_element6" (func 10))
  (elem $active (;0;) (table $functions) (i32.const 0) func $f $g)
  (elem $functions_kept (;1;) func $f)
  (elem $functions_dropped (;2;) func $f $g)
  (elem $expressions_kept (;3;) funcref (ref.func $f) (ref.null func))
  (elem $expressions_dropped (;4;) funcref (ref.func $g) (ref.null func))
  (elem $externs_kept (;5;) externref (ref.null extern))
  (elem $externs_dropped (;6;) externref (ref.null extern) (ref.null extern))
  (elem $declared (;7;) declare func $h)
  (elem $empty (;8;) func)
  (func $f (;0;) (type 0))
  (func $g (;1;) (type 0))
  (func $h (;2;) (type 0))
  (func (;3;) (type 0)
    elem.drop $functions_dropped
    elem.drop $expressions_dropped
    elem.drop $externs_dropped
    elem.drop $empty
    ref.func $h
    drop
  )
  (func (;4;) (type 0)
    i32.const 0
    i32.const 0
    i32.const 1
    table.init $functions_kept
    i32.const 0
    i32.const 0
    i32.const 2
    table.init $expressions_kept
    i32.const 0
    i32.const 0
    i32.const 1
    table.init $externs $externs_kept
  )
  (func (;5;) (type 0)
    i32.const 0
    i32.const 1
    i32.const 0
    table.init $functions_kept
  )
  (func (;6;) (type 0)
    i32.const 0
    i32.const 1
    i32.const 0
    table.init $functions_dropped
  )
  (func (;7;) (type 0)
    i32.const 0
    i32.const 1
    i32.const 0
    table.init $expressions_kept
  )
  (func (;8;) (type 0)
    i32.const 0
    i32.const 1
    i32.const 0
    table.init $expressions_dropped
  )
  (func (;9;) (type 0)
    i32.const 0
    i32.const 1
    i32.const 0
    table.init $externs $externs_kept
  )
  (func (;10;) (type 0)
    i32.const 0
    i32.const 1
    i32.const 0
    table.init $externs $externs_dropped
  )
)
