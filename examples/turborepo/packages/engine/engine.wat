;; Knows which numbers below 65,536 are prime. Init finds them, a byte each.
(module
  (memory (export "memory") 1)
  (func (export "init") (local $n i32) (local $multiple i32)
    (local.set $n (i32.const 2))
    (loop $numbers
      (if (i32.eqz (i32.load8_u (local.get $n)))
        (then
          (local.set $multiple (i32.mul (local.get $n) (i32.const 2)))
          (block $done
            (loop $multiples
              (br_if $done (i32.ge_u (local.get $multiple) (i32.const 65536)))
              (i32.store8 (local.get $multiple) (i32.const 1))
              (local.set $multiple (i32.add (local.get $multiple) (local.get $n)))
              (br $multiples)))))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $numbers (i32.lt_u (local.get $n) (i32.const 65536)))))
  (func (export "isPrime") (param $n i32) (result i32)
    (i32.eqz (i32.load8_u (local.get $n)))))
