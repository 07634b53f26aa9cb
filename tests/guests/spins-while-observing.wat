;; Attack: never ends while it observes.
(module
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (i32.const 4096))
  (func (export "observe") (param i32 i32 i32 i32 i32) (result i32)
    (loop $again (br $again))
    unreachable)
  (func (export "perform") (param i32 i32 i32 i32 i32) (result i32) (i32.const 256)))
