;; The adapter `declared`: sends the requests that the host rendered for a run, in their order. It makes no decision
;; about an action. The host compiles the committed `declared.wasm` and runs it in the same sandbox, under the same
;; grant, as any other adapter.
;;
;; `observe` sends every request and reports `done`: the host reads the states itself. `perform` stops at the first
;; request that is not answered with 2xx.
(module
  (import "deed:adapter/http@0.2.0" "send"
    (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 1)
  ;; The next free byte. Memory is not freed: an instance serves one run.
  (global $next (mut i32) (i32.const 4096))

  ;; 256: `ok`. 512: an `err` with a `failure`. 1024: the result of `send`.
  (data (i32.const 64) "the upstream answered 000")
  (data (i32.const 96) "the answer is larger than the host accepts")

  (func (export "cabi_realloc") (param $old i32) (param i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (if (local.get $old) (then (unreachable)))
    (local.set $at
      (i32.and
        (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
    (global.set $next (i32.add (local.get $at) (local.get $size)))
    (if (i32.gt_u (global.get $next) (i32.shl (memory.size) (i32.const 16)))
      (then
        (if (i32.eq
              (memory.grow
                (i32.sub
                  (i32.shr_u (i32.add (global.get $next) (i32.const 65535)) (i32.const 16))
                  (memory.size)))
              (i32.const -1))
          (then (unreachable)))))
    (local.get $at))

  ;; Sends the `request` at an address. Its fields are 44 bytes: four pairs of pointer and length, and an option.
  (func $one (param $at i32)
    (call $send
      (i32.load (local.get $at)) (i32.load offset=4 (local.get $at))
      (i32.load offset=8 (local.get $at)) (i32.load offset=12 (local.get $at))
      (i32.load offset=16 (local.get $at)) (i32.load offset=20 (local.get $at))
      (i32.load offset=24 (local.get $at)) (i32.load offset=28 (local.get $at))
      (i32.load8_u offset=32 (local.get $at))
      (i32.load offset=36 (local.get $at)) (i32.load offset=40 (local.get $at))
      (i32.const 1024)))

  ;; The address of an `err` with this kind of `failure` and text.
  (func $failed (param $kind i32) (param $text i32) (param $length i32) (result i32)
    (i32.store8 (i32.const 512) (i32.const 1))
    (i32.store8 (i32.const 516) (local.get $kind))
    (i32.store (i32.const 520) (local.get $text))
    (i32.store (i32.const 524) (local.get $length))
    (i32.const 512))

  ;; An error of `send`: `denied` is `refused`, `not-sent` is `unavailable`, any other is `unknown`.
  (func $unsent (result i32) (local $kind i32)
    (local.set $kind (i32.load8_u (i32.const 1032)))
    (if (i32.eq (local.get $kind) (i32.const 3))
      (then (return (call $failed (i32.const 2) (i32.const 96) (i32.const 42)))))
    (call $failed (local.get $kind) (i32.load (i32.const 1040)) (i32.load (i32.const 1044))))

  ;; A status other than 2xx: 4xx is `refused`, except 408, 409, 425 and 429; any other is `unknown`.
  (func $status (param $status i32) (result i32)
    (i32.store8 (i32.const 86)
      (i32.add (i32.const 48) (i32.div_u (local.get $status) (i32.const 100))))
    (i32.store8 (i32.const 87)
      (i32.add (i32.const 48) (i32.rem_u (i32.div_u (local.get $status) (i32.const 10)) (i32.const 10))))
    (i32.store8 (i32.const 88)
      (i32.add (i32.const 48) (i32.rem_u (local.get $status) (i32.const 10))))
    (call $failed
      (select (i32.const 0) (i32.const 2)
        (i32.and
          (i32.eq (i32.div_u (local.get $status) (i32.const 100)) (i32.const 4))
          (i32.eqz
            (i32.or
              (i32.or
                (i32.eq (local.get $status) (i32.const 408)) (i32.eq (local.get $status) (i32.const 409)))
              (i32.or
                (i32.eq (local.get $status) (i32.const 425)) (i32.eq (local.get $status) (i32.const 429)))))))
      (i32.const 64) (i32.const 25)))

  (func (export "observe")
    (param i32 i32 i32 i32 i32) (param $at i32) (param $count i32) (result i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (call $one (local.get $at))
        (local.set $at (i32.add (local.get $at) (i32.const 44)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    (i32.const 256))

  (func (export "perform")
    (param i32 i32 i32 i32 i32) (param $at i32) (param $count i32) (result i32) (local $status i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (call $one (local.get $at))
        (if (i32.load8_u (i32.const 1024)) (then (return (call $unsent))))
        (local.set $status (i32.load16_u (i32.const 1036)))
        (if (i32.ne (i32.div_u (local.get $status) (i32.const 100)) (i32.const 2))
          (then (return (call $status (local.get $status)))))
        (local.set $at (i32.add (local.get $at) (i32.const 44)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    (i32.const 256)))
