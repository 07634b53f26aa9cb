//! Takes `wit/`, gives the host's side of it, generated at build time. Nothing here is written by
//! hand, and nothing here decides anything.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "adapter",
    imports: { "deed:adapter/http.send": async },
    exports: { default: async },
});
