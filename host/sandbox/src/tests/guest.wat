(module
  (import "deed:adapter/http@0.1.0" "send"
    (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "deed:adapter/state@0.1.0" "read" (func $state (param i32 i32 i32 i32 i32 i32)))
  (import "deed:adapter/log@0.1.0" "write" (func $write (param i32 i32 i32)))
  (memory (export "memory") 64)
  (global $next (mut i32) (i32.const 65536))

  (data (i32.const 16) "idp")
  (data (i32.const 24) "GET")
  (data (i32.const 32) "PATCH")
  (data (i32.const 40) "/Users/42")
  (data (i32.const 64) "user")
  (data (i32.const 72) "/Users/1")
  (data (i32.const 96) "{\"active\":true}")
  (data (i32.const 128) "panicked at user")
  ;; err(refused("user")): tag at 512, the failure's tag at 516, its text at 520.
  (data (i32.const 512) "\01\00\00\00\00\00\00\00\40\00\00\00\04\00\00\00")

  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (local.get $at))

  (func $get (call $send
    (i32.const 16) (i32.const 3) (i32.const 24) (i32.const 3) (i32.const 40) (i32.const 9)
    (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1024)))
  (func $forbidden (call $send
    (i32.const 16) (i32.const 3) (i32.const 24) (i32.const 3) (i32.const 72) (i32.const 8)
    (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1024)))
  (func $patch (call $send
    (i32.const 16) (i32.const 3) (i32.const 32) (i32.const 5) (i32.const 40) (i32.const 9)
    (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 96) (i32.const 15) (i32.const 1024)))
  (func $read (call $state
    (i32.const 64) (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1024)))
  (func $log (call $write (i32.const 1) (i32.const 64) (i32.const 4)))

  (func (export "observe") (param i32 i32 i32 i32 i32) (result i32)
    ;;OBSERVE;;
  )
  (func (export "perform") (param i32 i32 i32 i32 i32) (result i32)
    ;;PERFORM;;
  ))
