;; Code can name the segments, so the live data takes their places, and what is left is empty.
(module
  (memory 1)
  (data $first (i32.const 0) "first")
  (data $passive "passive")
  (data $second (i32.const 1000) "second")
  (data $third (i32.const 2000) "third")
  (func (export "wizer-initialize")
    (memory.fill (i32.const 1000) (i32.const 0) (i32.const 6)))
  (func (export "use")
    (memory.init $passive (i32.const 0) (i32.const 0) (i32.const 7))
    (data.drop $first)
    (data.drop $third)))
