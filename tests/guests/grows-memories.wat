;; Attack: splits itself over as many memories as it may have, and fills each.
(module
  (import "deed:adapter/log@0.1.0" "write" (func $log (param i32 i32 i32)))
  (memory (export "memory") 1)
  (memory $b 1)
  (memory $c 1)
  (memory $d 1)
  (data (i32.const 16) "got through: more than 64 MiB of memory")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (i32.const 4096))
  (func (export "observe") (param i32 i32 i32 i32 i32) (result i32)
    (local $pages i32)
    (loop $more
      (if (i32.ge_s (memory.grow (i32.const 1)) (i32.const 0)) (then (br $more))))
    (loop $more
      (if (i32.ge_s (memory.grow $b (i32.const 1)) (i32.const 0)) (then (br $more))))
    (loop $more
      (if (i32.ge_s (memory.grow $c (i32.const 1)) (i32.const 0)) (then (br $more))))
    (loop $more
      (if (i32.ge_s (memory.grow $d (i32.const 1)) (i32.const 0)) (then (br $more))))
    (local.set $pages (i32.add
      (i32.add (memory.size) (memory.size $b))
      (i32.add (memory.size $c) (memory.size $d))))
    (if (i32.gt_u (local.get $pages) (i32.const 1024))
      (then (call $log (i32.const 2) (i32.const 16) (i32.const 39))))
    unreachable)
  (func (export "perform") (param i32 i32 i32 i32 i32) (result i32) (i32.const 256)))
