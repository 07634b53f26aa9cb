;; Attack: passes the host a string that is not UTF-8.
(module
  (import "deed:adapter/log@0.1.0" "write" (func $log (param i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "got through: \ff\fe\c0\80")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (i32.const 4096))
  (func (export "observe") (param i32 i32 i32 i32 i32) (result i32)
    (call $log (i32.const 2) (i32.const 16) (i32.const 17))
    (i32.const 256))
  (func (export "perform") (param i32 i32 i32 i32 i32) (result i32) (i32.const 256)))
