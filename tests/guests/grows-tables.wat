;; Attack: splits itself over several tables, and fills each.
(component
  (import "deed:adapter/types@0.1.0" (instance $types
    (type $action (record (field "contract" string) (field "params" string) (field "attempt" u32)))
    (export "action" (type (eq $action)))
    (type $failure (variant
      (case "refused" string) (case "unavailable" string) (case "unknown" string) (case "invalid" string)))
    (export "failure" (type (eq $failure)))))
  (alias export $types "action" (type $action))
  (alias export $types "failure" (type $failure))
  (core module $room
    (table 1 funcref)
    (func (export "fill") (result i32)
      (loop $more
        (if (i32.ge_s (table.grow (ref.null func) (i32.const 100)) (i32.const 0)) (then (br $more))))
      (table.size)))
  (core instance $a (instantiate $room))
  (core instance $b (instantiate $room))
  (core instance $c (instantiate $room))
  (core module $guest
    (import "a" "fill" (func $a (result i32)))
    (import "b" "fill" (func $b (result i32)))
    (import "c" "fill" (func $c (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 64) "got through: more than 10000 elements")
    ;; err(refused(text))
    (data (i32.const 512) "\01\00\00\00\00\00\00\00\40\00\00\00\25\00\00\00")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (func (export "observe") (param i32 i32 i32 i32 i32) (result i32)
      (if (i32.gt_u (i32.add (call $a) (i32.add (call $b) (call $c))) (i32.const 10000))
        (then (return (i32.const 512))))
      unreachable))
  (core instance $run (instantiate $guest
    (with "a" (instance $a)) (with "b" (instance $b)) (with "c" (instance $c))))
  (func $observe (param "action" $action) (result (result (error $failure)))
    (canon lift (core func $run "observe")
      (memory (core memory $run "memory")) (realloc (core func $run "realloc"))))
  (export "observe" (func $observe))
  (export "perform" (func $observe)))
