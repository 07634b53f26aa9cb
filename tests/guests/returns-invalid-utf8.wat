;; Attack: returns a text that is not UTF-8 as its failure.
(module
  (memory (export "memory") 1)
  (data (i32.const 64) "\ff\fe\c0\80")
  (data (i32.const 512) "\01\00\00\00\00\00\00\00\40\00\00\00\04\00\00\00")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (i32.const 4096))
  (func (export "observe") (param i32 i32 i32 i32 i32) (result i32)
    (i32.const 512))
  (func (export "perform") (param i32 i32 i32 i32 i32) (result i32) (i32.const 256)))
