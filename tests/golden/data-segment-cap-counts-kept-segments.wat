;; max_data_segments: 3
(module
  (memory 1)
  (data $kept "kept")
  (data $also_kept "also kept")
  (func (export "wizer-initialize")
    (i32.store8 (i32.const 0) (i32.const 0x61))
    (i32.store8 (i32.const 32) (i32.const 0x62)))
  (func (export "use") (data.drop $kept) (data.drop $also_kept)))
