;; A segment costs more than these few zeros; the long run is left out.
(module
  (memory 1)
  (func (export "wizer-initialize")
    (i32.store8 (i32.const 10) (i32.const 0x61))
    (i32.store8 (i32.const 13) (i32.const 0x62))
    (i32.store8 (i32.const 19) (i32.const 0x63))
    (i32.store8 (i32.const 60) (i32.const 0x64))))
