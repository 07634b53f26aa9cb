;; Attack: tells the host to place the arguments of a call outside of its memory.
(module
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (i32.const -64))
  (func (export "observe") (param i32 i32 i32 i32 i32) (result i32)
    (i32.const 256))
  (func (export "perform") (param i32 i32 i32 i32 i32) (result i32) (i32.const 256)))
