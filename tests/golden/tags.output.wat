(module
  (type (;0;) (func (param i32)))
  (type (;1;) (func))
  (tag $error (;0;) (type 0) (param i32))
  (global $state (;0;) (mut i32) i32.const 1)
  (export "error" (tag 0))
  (export "use" (func 1))
  (func (;0;) (type 1)
    i32.const 1
    global.set $state
  )
  (func (;1;) (type 1)
    data.drop $passive
    i32.const 1
    throw $error
  )
  (data $passive (;0;) "passive")
)
