(module
  (type (;0;) (func))
  (table $functions (;0;) 4 funcref)
  (table $externs (;1;) 4 externref)
  (export "use" (func 4))
  (elem $active (;0;) (table $functions) (i32.const 0) func $f $g)
  (elem $functions_kept (;1;) func $f)
  (elem $functions_dropped (;2;) func)
  (elem $expressions_kept (;3;) funcref (ref.func $f) (ref.null func))
  (elem $expressions_dropped (;4;) funcref)
  (elem $externs_kept (;5;) externref (ref.null extern))
  (elem $externs_dropped (;6;) externref)
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
)
