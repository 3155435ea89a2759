;; Tables that init leaves alone keep their element segments byte for byte.
(module
  (table $exported (export "table") 2 10 funcref)
  (table $private 3 funcref)
  (table $filled 2 funcref (ref.func $f))
  (table $externs 1 externref)
  (elem (table $exported) (i32.const 1) func $f)
  (elem (table $private) (i32.const 0) funcref (ref.func $f) (ref.null func))
  (func $f)
  (func (export "wizer-initialize")
    (call_indirect $exported (i32.const 1))))
