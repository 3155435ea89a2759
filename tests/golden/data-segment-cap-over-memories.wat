;; max_data_segments: 3
;; No segment reaches from one memory into the next, and all memories share the cap.
(module
  (memory $small 1)
  (memory $large 1)
  (func (export "wizer-initialize")
    (i32.store8 $small (i32.const 65535) (i32.const 0x61))
    (i32.store8 $large (i32.const 0) (i32.const 0x62))
    (i32.store8 $large (i32.const 20) (i32.const 0x63))
    (i32.store8 $large (i32.const 60) (i32.const 0x64))))
