;; Attack: makes resources of its own without end; the host keeps a handle for each.
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
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (func (export "observe") (param i32 i32 i32 i32 i32) (result i32)
      (loop $more (drop (call $new (i32.const 1))) (br $more))
      unreachable))
  (core instance $run (instantiate $guest
    (with "own" (instance (export "new" (func $new))))))
  (func $observe (param "action" $action) (result (result (error $failure)))
    (canon lift (core func $run "observe")
      (memory (core memory $run "memory")) (realloc (core func $run "realloc"))))
  (export "observe" (func $observe))
  (export "perform" (func $observe)))
