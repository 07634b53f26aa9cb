;; Attack: splits itself over as many tables as it may have, and fills each.
(module
  (import "deed:adapter/log@0.1.0" "write" (func $log (param i32 i32 i32)))
  (memory (export "memory") 1)
  (table $a 1 funcref)
  (table $b 1 funcref)
  (table $c 1 externref)
  (data (i32.const 16) "got through: more than 10000 elements")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (i32.const 4096))
  (func (export "observe") (param i32 i32 i32 i32 i32) (result i32)
    (loop $more
      (if (i32.ge_s (table.grow $a (ref.null func) (i32.const 100)) (i32.const 0)) (then (br $more))))
    (loop $more
      (if (i32.ge_s (table.grow $b (ref.null func) (i32.const 100)) (i32.const 0)) (then (br $more))))
    (loop $more
      (if (i32.ge_s (table.grow $c (ref.null extern) (i32.const 100)) (i32.const 0)) (then (br $more))))
    (if (i32.gt_u
          (i32.add (table.size $a) (i32.add (table.size $b) (table.size $c)))
          (i32.const 10000))
      (then (call $log (i32.const 2) (i32.const 16) (i32.const 37))))
    unreachable)
  (func (export "perform") (param i32 i32 i32 i32 i32) (result i32) (i32.const 256)))
