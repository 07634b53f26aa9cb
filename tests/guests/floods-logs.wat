;; Attack: writes four hundred log lines of 2 MiB for the operator.
(module
  (import "deed:adapter/log@0.1.0" "write" (func $log (param i32 i32 i32)))
  (memory (export "memory") 64)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (i32.const 4096))
  (func (export "observe") (param i32 i32 i32 i32 i32) (result i32)
    (local $lines i32)
    (memory.fill (i32.const 65536) (i32.const 120) (i32.const 2097152))
    (loop $again
      (call $log (i32.const 2) (i32.const 65536) (i32.const 2097152))
      (local.set $lines (i32.add (local.get $lines) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $lines) (i32.const 400))))
    unreachable)
  (func (export "perform") (param i32 i32 i32 i32 i32) (result i32) (i32.const 256)))
