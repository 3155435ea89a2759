(module
  (type (;0;) (func))
  (memory (;0;) 1)
  (export "use" (func 1))
  (func (;0;) (type 0)
    i32.const 0
    i32.const 1
    i32.const 2
    memory.init $kept
    i32.const 100
    i32.const 0
    i32.const 7
    memory.init $dropped
    data.drop $dropped
    data.drop $empty_dropped
    i32.const 0
    i32.load8_u
    if ;; label = @1
      data.drop $maybe
    end
    i32.const 0
    i32.load8_u
    i32.eqz
    if ;; label = @1
      data.drop $maybe_not
    end
  )
  (func (;1;) (type 0)
    i32.const 0
    i32.const 0
    i32.const 4
    memory.init $kept
    i32.const 0
    i32.const 0
    i32.const 0
    memory.init $maybe
    i32.const 0
    i32.const 0
    i32.const 4
    memory.init $maybe_not
    i32.const 0
    i32.const 0
    i32.const 0
    memory.init $empty
  )
  (data $kept (;0;) "kept")
  (data $dropped (;1;) (i32.const 0) "ep")
  (data $maybe (;2;) (i32.const 100) "dropped")
  (data $maybe_not (;3;) "kept if memory says so")
  (data $empty (;4;) "")
  (data $empty_dropped (;5;) "")
)
