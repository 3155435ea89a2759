;; max_data_segments: 3
;; Of equal runs of zeros, the first is filled first.
(module
  (memory 1)
  (func (export "wizer-initialize")
    (i32.store8 (i32.const 100) (i32.const 0x61))
    (i32.store8 (i32.const 120) (i32.const 0x62))
    (i32.store8 (i32.const 140) (i32.const 0x63))
    (i32.store8 (i32.const 160) (i32.const 0x64))))
