;; The tag section stands between memories and globals; probes add a memory before it.
(module
  (tag $error (export "error") (param i32))
  (global $state (mut i32) i32.const 0)
  (data $passive "passive")
  (func (export "wizer-initialize") i32.const 1 global.set $state)
  (func (export "use") (data.drop $passive) (throw $error (i32.const 1))))
