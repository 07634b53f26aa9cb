;; Attack: never ends before it is called: its start function runs when it is instantiated.
(module
  (memory (export "memory") 1)
  (start $spin)
  (func $spin (loop $again (br $again)))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (i32.const 4096))
  (func (export "observe") (param i32 i32 i32 i32 i32) (result i32)
    (i32.const 256))
  (func (export "perform") (param i32 i32 i32 i32 i32) (result i32) (i32.const 256)))
