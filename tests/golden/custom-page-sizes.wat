;; The size of a page stays, and minimums count those pages.
(module
  (memory $bytes 10 (pagesize 1))
  (memory $bounded 10 30 (pagesize 1))
  (memory $pages 1 (pagesize 0x10000))
  (func (export "wizer-initialize")
    (drop (memory.grow $bytes (i32.const 7)))
    (i32.store8 $bytes (i32.const 16) (i32.const 0x61))
    (i32.store8 $bounded (i32.const 0) (i32.const 0x62))
    (i32.store8 $pages (i32.const 65535) (i32.const 0x63))))
