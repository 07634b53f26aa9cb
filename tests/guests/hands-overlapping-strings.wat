;; Attack: passes the host 32 pairs whose strings are all the same 1 MiB of its memory: 64 MiB.
(module
  (import "deed:adapter/http@0.1.0" "send"
    (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 32)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (i32.const 4096))
  (func (export "observe") (param i32 i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.const 16384))
    (loop $more
      (i32.store (local.get $at) (i32.const 65536))
      (i32.store offset=4 (local.get $at) (i32.const 1048576))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $more (i32.lt_u (local.get $at) (i32.const 16896))))
    (call $send
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const 16384) (i32.const 32) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1024))
    unreachable)
  (func (export "perform") (param i32 i32 i32 i32 i32) (result i32) (i32.const 256)))
