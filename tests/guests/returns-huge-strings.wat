;; Attack: returns 48 MiB as the text of its failure.
(module
  (memory (export "memory") 800)
  ;; err(refused(text)): the text begins at 64 KiB.
  (data (i32.const 512) "\01\00\00\00\00\00\00\00\00\00\01\00\00\00\00\03")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (i32.const 4096))
  (func (export "observe") (param i32 i32 i32 i32 i32) (result i32)
    (i32.const 512))
  (func (export "perform") (param i32 i32 i32 i32 i32) (result i32) (i32.const 256)))
