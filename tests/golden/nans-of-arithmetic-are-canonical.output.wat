(module
  (type (;0;) (func))
  (global $f32_payload (;0;) (mut f32) f32.const nan:0x200001 (;=NaN;))
  (global $f64_payload (;1;) (mut f64) f64.const -nan:0x4000000000001 (;=NaN;))
  (global $f32_zero (;2;) (mut f32) f32.const 0x0p+0 (;=0;))
  (global $f64_zero (;3;) (mut f64) f64.const 0x0p+0 (;=0;))
  (global $f32_div (;4;) (mut f32) f32.const nan (;=NaN;))
  (global $f32_sub (;5;) (mut f32) f32.const nan (;=NaN;))
  (global $f32_add (;6;) (mut f32) f32.const nan (;=NaN;))
  (global $f32_mul (;7;) (mut f32) f32.const nan (;=NaN;))
  (global $f32_min (;8;) (mut f32) f32.const nan (;=NaN;))
  (global $f32_max (;9;) (mut f32) f32.const nan (;=NaN;))
  (global $f32_sqrt (;10;) (mut f32) f32.const nan (;=NaN;))
  (global $f32_ceil (;11;) (mut f32) f32.const nan (;=NaN;))
  (global $f32_floor (;12;) (mut f32) f32.const nan (;=NaN;))
  (global $f32_trunc (;13;) (mut f32) f32.const nan (;=NaN;))
  (global $f32_nearest (;14;) (mut f32) f32.const nan (;=NaN;))
  (global $f32_demote (;15;) (mut f32) f32.const nan (;=NaN;))
  (global $f64_div (;16;) (mut f64) f64.const nan (;=NaN;))
  (global $f64_sub (;17;) (mut f64) f64.const nan (;=NaN;))
  (global $f64_add (;18;) (mut f64) f64.const nan (;=NaN;))
  (global $f64_mul (;19;) (mut f64) f64.const nan (;=NaN;))
  (global $f64_min (;20;) (mut f64) f64.const nan (;=NaN;))
  (global $f64_max (;21;) (mut f64) f64.const nan (;=NaN;))
  (global $f64_sqrt (;22;) (mut f64) f64.const nan (;=NaN;))
  (global $f64_nearest (;23;) (mut f64) f64.const nan (;=NaN;))
  (global $f64_promote (;24;) (mut f64) f64.const nan (;=NaN;))
  (global $f32x4_div (;25;) (mut v128) v128.const i32x4 0x7fc00000 0x7fc00000 0x7fc00000 0x7fc00000)
  (global $f32x4_add (;26;) (mut v128) v128.const i32x4 0x7fc00000 0x7fc00000 0x7fc00000 0x7fc00000)
  (global $f32x4_sqrt (;27;) (mut v128) v128.const i32x4 0x7fc00000 0x7fc00000 0x7fc00000 0x7fc00000)
  (global $f64x2_div (;28;) (mut v128) v128.const i32x4 0x00000000 0x7ff80000 0x00000000 0x7ff80000)
  (global $f64x2_mul (;29;) (mut v128) v128.const i32x4 0x00000000 0x7ff80000 0x00000000 0x7ff80000)
  (global $f64x2_sqrt (;30;) (mut v128) v128.const i32x4 0x00000000 0x7ff80000 0x00000000 0x7ff80000)
  (func (;0;) (type 0)
    (local $f32x4 v128) (local $f64x2 v128)
    global.get $f32_zero
    f32x4.splat
    local.set $f32x4
    global.get $f64_zero
    f64x2.splat
    local.set $f64x2
    global.get $f32_zero
    global.get $f32_zero
    f32.div
    global.set $f32_div
    f32.const inf (;=inf;)
    f32.const inf (;=inf;)
    f32.sub
    global.set $f32_sub
    global.get $f32_payload
    f32.const 0x1p+0 (;=1;)
    f32.add
    global.set $f32_add
    f32.const 0x1p+0 (;=1;)
    global.get $f32_payload
    f32.mul
    global.set $f32_mul
    global.get $f32_payload
    f32.const 0x1p+0 (;=1;)
    f32.min
    global.set $f32_min
    f32.const 0x1p+0 (;=1;)
    global.get $f32_payload
    f32.max
    global.set $f32_max
    f32.const -0x1p+0 (;=-1;)
    f32.sqrt
    global.set $f32_sqrt
    global.get $f32_payload
    f32.ceil
    global.set $f32_ceil
    global.get $f32_payload
    f32.floor
    global.set $f32_floor
    global.get $f32_payload
    f32.trunc
    global.set $f32_trunc
    global.get $f32_payload
    f32.nearest
    global.set $f32_nearest
    global.get $f64_payload
    f32.demote_f64
    global.set $f32_demote
    global.get $f64_zero
    global.get $f64_zero
    f64.div
    global.set $f64_div
    f64.const inf (;=inf;)
    f64.const inf (;=inf;)
    f64.sub
    global.set $f64_sub
    global.get $f64_payload
    f64.const 0x1p+0 (;=1;)
    f64.add
    global.set $f64_add
    f64.const 0x1p+0 (;=1;)
    global.get $f64_payload
    f64.mul
    global.set $f64_mul
    global.get $f64_payload
    f64.const 0x1p+0 (;=1;)
    f64.min
    global.set $f64_min
    f64.const 0x1p+0 (;=1;)
    global.get $f64_payload
    f64.max
    global.set $f64_max
    f64.const -0x1p+0 (;=-1;)
    f64.sqrt
    global.set $f64_sqrt
    global.get $f64_payload
    f64.nearest
    global.set $f64_nearest
    global.get $f32_payload
    f64.promote_f32
    global.set $f64_promote
    local.get $f32x4
    local.get $f32x4
    f32x4.div
    global.set $f32x4_div
    local.get $f32x4
    global.get $f32_payload
    f32x4.splat
    f32x4.add
    global.set $f32x4_add
    f32.const -0x1p+0 (;=-1;)
    f32x4.splat
    f32x4.sqrt
    global.set $f32x4_sqrt
    local.get $f64x2
    local.get $f64x2
    f64x2.div
    global.set $f64x2_div
    global.get $f64_payload
    f64x2.splat
    local.get $f64x2
    f64x2.mul
    global.set $f64x2_mul
    f64.const -0x1p+0 (;=-1;)
    f64x2.splat
    f64x2.sqrt
    global.set $f64x2_sqrt
  )
)
