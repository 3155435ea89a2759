(module
  (type (;0;) (func))
  (global $i32 (;0;) (mut i32) i32.const 1)
  (global $i64 (;1;) (mut i64) i64.const 1)
  (global $f32 (;2;) (mut f32) f32.const 0x1p+0 (;=1;))
  (global $f64 (;3;) (mut f64) f64.const 0x1p+0 (;=1;))
  (global $v128 (;4;) (mut v128) v128.const i32x4 0x00000000 0x00000000 0x00000000 0x00000000)
  (global $constant (;5;) i32 i32.const 7)
  (global $from_constant (;6;) i32 global.get $constant)
  (global $sum (;7;) (mut i32) global.get $constant i32.const 1 i32.add)
  (global $sum_changed (;8;) (mut i32) global.get $constant i32.const 1 i32.add)
  (global $f32_signalling_nan (;9;) (mut f32) f32.const 0x0p+0 (;=0;))
  (global $f32_negative_nan (;10;) (mut f32) f32.const nan (;=NaN;))
  (global $f32_negative_zero (;11;) (mut f32) f32.const 0x0p+0 (;=0;))
  (global $f64_signalling_nan (;12;) (mut f64) f64.const 0x0p+0 (;=0;))
  (global $f64_infinity (;13;) (mut f64) f64.const inf (;=inf;))
  (global $f64_negative_zero (;14;) (mut f64) f64.const 0x0p+0 (;=0;))
  (global $unchanged (;15;) (mut f32) f32.const nan:0x200001 (;=NaN;))
  (global $changed_back (;16;) (mut i32) i32.const 5)
  (export "wizer-initialize" (func 0))
  (export "__wasm_preinit_global0" (global $i32))
  (export "__wasm_preinit_global1" (global $i64))
  (export "__wasm_preinit_global2" (global $f32))
  (export "__wasm_preinit_global3" (global $f64))
  (export "__wasm_preinit_global4" (global $v128))
  (export "__wasm_preinit_global7" (global $sum))
  (export "__wasm_preinit_global8" (global $sum_changed))
  (export "__wasm_preinit_global9" (global $f32_signalling_nan))
  (export "__wasm_preinit_global10" (global $f32_negative_nan))
  (export "__wasm_preinit_global11" (global $f32_negative_zero))
  (export "__wasm_preinit_global12" (global $f64_signalling_nan))
  (export "__wasm_preinit_global13" (global $f64_infinity))
  (export "__wasm_preinit_global14" (global $f64_negative_zero))
  (export "__wasm_preinit_global15" (global $unchanged))
  (export "__wasm_preinit_global16" (global $changed_back))
  (func (;0;) (type 0)
    i32.const -2147483648
    global.set $i32
    i64.const -9223372036854775808
    global.set $i64
    f32.const 0x1.fffffep+127 (;=340282350000000000000000000000000000000;)
    global.set $f32
    f64.const 0x1p-1022 (;=0.000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000022250738585072014;)
    global.set $f64
    v128.const i32x4 0x03020100 0x07060504 0x0b0a0908 0xff0e0d0c
    global.set $v128
    i32.const 9
    global.set $sum_changed
    f32.const nan:0x200001 (;=NaN;)
    global.set $f32_signalling_nan
    f32.const -nan (;=NaN;)
    global.set $f32_negative_nan
    f32.const -0x0p+0 (;=-0;)
    global.set $f32_negative_zero
    f64.const -nan:0x4000000000001 (;=NaN;)
    global.set $f64_signalling_nan
    f64.const -inf (;=-inf;)
    global.set $f64_infinity
    f64.const -0x0p+0 (;=-0;)
    global.set $f64_negative_zero
    i32.const 6
    global.set $changed_back
    i32.const 5
    global.set $changed_back
  )
)
