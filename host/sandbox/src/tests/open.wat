(module
  (import "deed:adapter/http@0.1.0" "send"
    (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "deed:adapter/log@0.1.0" "write" (func $write (param i32 i32 i32)))
  (memory (export "memory") 64)
  (global $next (mut i32) (i32.const 65536))

  (data (i32.const 16) "idp")
  (data (i32.const 24) "GET")
  (data (i32.const 28) "PUT")
  (data (i32.const 32) "POST")
  (data (i32.const 40) "/Users/42")
  (data (i32.const 56) "/notes")
  (data (i32.const 64) "/notes/{answer.create.id}")
  (data (i32.const 96) "DELETE")
  (data (i32.const 104) "/Users/1")
  (data (i32.const 112) "/notes?x=1")
  (data (i32.const 128) "{\"text\":\"hello\"}")
  (data (i32.const 160) "{\"text\":\"00000000\"}")
  (data (i32.const 184) "{\"text\":\"hello\",\"admin\":true}")
  (data (i32.const 224) "{\"text\":1.5}")
  (data (i32.const 240) "user")
  (data (i32.const 272) "/tags/{answer.link.tag}")
  ;; err(refused("user")): tag at 512, the failure's tag at 516, its text at 520.
  (data (i32.const 512) "\01\00\00\00\00\00\00\00\f0\00\00\00\04\00\00\00")

  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (local.get $at))

  ;; Sends a request: method, path and body, each with its length; a length of 0 means no body.
  (func $ask (param i32 i32 i32 i32 i32 i32) (call $send
    (i32.const 16) (i32.const 3) (local.get 0) (local.get 1) (local.get 2) (local.get 3)
    (i32.const 0) (i32.const 0)
    (i32.ne (local.get 5) (i32.const 0)) (local.get 4) (local.get 5) (i32.const 1024)))

  ;; The requests that the contract allows.
  (func $get (call $ask
    (i32.const 24) (i32.const 3) (i32.const 40) (i32.const 9) (i32.const 0) (i32.const 0)))
  (func $create (call $ask
    (i32.const 32) (i32.const 4) (i32.const 56) (i32.const 6) (i32.const 128) (i32.const 16)))
  (func $link (call $ask
    (i32.const 28) (i32.const 3) (i32.const 64) (i32.const 25) (i32.const 160) (i32.const 19)))
  (func $look (call $ask
    (i32.const 24) (i32.const 3) (i32.const 64) (i32.const 25) (i32.const 0) (i32.const 0)))
  (func $tag (call $ask
    (i32.const 28) (i32.const 3) (i32.const 272) (i32.const 23) (i32.const 128) (i32.const 16)))

  ;; Requests that it does not allow.
  (func $delete (call $ask
    (i32.const 96) (i32.const 6) (i32.const 40) (i32.const 9) (i32.const 0) (i32.const 0)))
  (func $put (call $ask
    (i32.const 28) (i32.const 3) (i32.const 40) (i32.const 9) (i32.const 128) (i32.const 16)))
  (func $elsewhere (call $ask
    (i32.const 24) (i32.const 3) (i32.const 104) (i32.const 8) (i32.const 0) (i32.const 0)))
  (func $query (call $ask
    (i32.const 32) (i32.const 4) (i32.const 112) (i32.const 10) (i32.const 128) (i32.const 16)))
  (func $admin (call $ask
    (i32.const 32) (i32.const 4) (i32.const 56) (i32.const 6) (i32.const 184) (i32.const 29)))
  (func $fraction (call $ask
    (i32.const 32) (i32.const 4) (i32.const 56) (i32.const 6) (i32.const 224) (i32.const 12)))
  (func $bare (call $ask
    (i32.const 32) (i32.const 4) (i32.const 56) (i32.const 6) (i32.const 0) (i32.const 0)))

  ;; Writes the number of the last response into the body of $link.
  (func $number (i32.store8 (i32.const 169)
    (i32.add (i32.const 48) (i32.load8_u (i32.const 1032)))))
  ;; Writes the first 8 characters of the id in the last response, {"id":"..."}, into the body of $link.
  (func $compute (i64.store (i32.const 169)
    (i64.load (i32.add (i32.load (i32.const 1048)) (i32.const 7)))))
  ;; The status of the last response.
  (func $status (result i32) (i32.load16_u (i32.const 1036)))

  (func (export "observe") (param i32 i32 i32 i32 i32) (result i32) (i32.const 256))
  ;; The last parameter is the number of the attempt.
  (func (export "perform") (param i32 i32 i32 i32 i32) (result i32)
    ;;PERFORM;;
  ))
