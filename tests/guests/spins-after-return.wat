;; Attack: returns its result, then never ends while it cleans up.
(module
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (i32.const 4096))
  (func (export "observe") (param i32 i32 i32 i32 i32) (result i32)
    (i32.const 256))
  (func (export "perform") (param i32 i32 i32 i32 i32) (result i32) (i32.const 256))
  (func (export "cabi_post_observe") (param i32)
    (loop $again (br $again))))
