;; Attack: calls itself until the stack is exhausted.
(module
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (i32.const 4096))
  (func (export "observe") (param i32 i32 i32 i32 i32) (result i32)
    (call $deeper (i64.const 0)))
  (func (export "perform") (param i32 i32 i32 i32 i32) (result i32) (i32.const 256))
  (func $deeper (param i64) (result i32)
    (call $deeper (i64.add (local.get 0) (i64.const 1)))
    (i32.add (i32.const 1))))
