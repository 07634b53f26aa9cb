;; Attack: makes the host build a list of a million pairs of empty strings.
(module
  (import "deed:adapter/http@0.1.0" "send"
    (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 800)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (i32.const 4096))
  (func (export "observe") (param i32 i32 i32 i32 i32) (result i32)
    (loop $again
      (call $send
        (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
        (i32.const 65536) (i32.const 1000000) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1024))
      (br $again))
    unreachable)
  (func (export "perform") (param i32 i32 i32 i32 i32) (result i32) (i32.const 256)))
