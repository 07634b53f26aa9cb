//! Rust bindings of the WIT interfaces in `wit/`, generated at build time. This file has no handwritten logic.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "adapter",
    imports: { "deed:adapter/http.send": async },
    exports: { default: async },
});
