;; Attack: calls the host while the host is in the middle of a call and requests memory from it.
(module
  (import "deed:adapter/log@0.1.0" "write" (func $log (param i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "got through: a call within a call")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (call $log (i32.const 2) (i32.const 16) (i32.const 33))
    (i32.const 4096))
  (func (export "observe") (param i32 i32 i32 i32 i32) (result i32)
    (i32.const 256))
  (func (export "perform") (param i32 i32 i32 i32 i32) (result i32) (i32.const 256)))
