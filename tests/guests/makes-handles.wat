;; Attack: makes two thousand resources of its own; the host keeps a handle for each.
(component
  (import "deed:adapter/types@0.1.0" (instance $types
    (type $action (record (field "contract" string) (field "params" string) (field "attempt" u32)))
    (export "action" (type (eq $action)))
    (type $failure (variant
      (case "refused" string) (case "unavailable" string) (case "unknown" string) (case "invalid" string)))
    (export "failure" (type (eq $failure)))))
  (alias export $types "action" (type $action))
  (alias export $types "failure" (type $failure))
  (type $thing (resource (rep i32)))
  (core func $new (canon resource.new $thing))
  (core module $guest
    (import "own" "new" (func $new (param i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 64) "got through: 2000 handles")
    ;; err(refused(text))
    (data (i32.const 512) "\01\00\00\00\00\00\00\00\40\00\00\00\19\00\00\00")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (func (export "observe") (param i32 i32 i32 i32 i32) (result i32)
      (local $made i32)
      (loop $more
        (drop (call $new (i32.const 1)))
        (local.set $made (i32.add (local.get $made) (i32.const 1)))
        (br_if $more (i32.lt_u (local.get $made) (i32.const 2000))))
      (i32.const 512)))
  (core instance $run (instantiate $guest
    (with "own" (instance (export "new" (func $new))))))
  (func $observe (param "action" $action) (result (result (error $failure)))
    (canon lift (core func $run "observe")
      (memory (core memory $run "memory")) (realloc (core func $run "realloc"))))
  (export "observe" (func $observe))
  (export "perform" (func $observe)))
