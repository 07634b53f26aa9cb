//! Host-side bindings of `wit/`, generated at build time. This file has no handwritten code and makes no decisions.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "adapter",
    imports: { "deed:adapter/http.send": async },
    exports: { default: async },
});
