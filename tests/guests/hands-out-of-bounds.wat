;; Attack: passes the host a string that lies outside of its memory.
(module
  (import "deed:adapter/log@0.1.0" "write" (func $log (param i32 i32 i32)))
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (i32.const 4096))
  (func (export "observe") (param i32 i32 i32 i32 i32) (result i32)
    (call $log (i32.const 2) (i32.const 65530) (i32.const 4096))
    (i32.const 256))
  (func (export "perform") (param i32 i32 i32 i32 i32) (result i32) (i32.const 256)))
