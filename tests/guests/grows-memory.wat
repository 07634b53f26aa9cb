;; Attack: allocates all the memory that it can get, page by page, and writes to each page.
(module
  (import "deed:adapter/log@0.1.0" "write" (func $log (param i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "got through: more than 64 MiB of memory")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (i32.const 4096))
  (func (export "observe") (param i32 i32 i32 i32 i32) (result i32)
    (local $page i32)
    (loop $more
      (local.set $page (memory.grow (i32.const 1)))
      (if (i32.ge_s (local.get $page) (i32.const 0))
        (then
          (i32.store (i32.mul (local.get $page) (i32.const 65536)) (i32.const 1))
          (if (i32.ge_s (local.get $page) (i32.const 1024))
            (then (call $log (i32.const 2) (i32.const 16) (i32.const 39))))
          (br $more))))
    ;; No more memory is granted: it repeats the request until it is stopped.
    (loop $again (drop (memory.grow (i32.const 1))) (br $again))
    unreachable)
  (func (export "perform") (param i32 i32 i32 i32 i32) (result i32) (i32.const 256)))
