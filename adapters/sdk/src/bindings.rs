//! Rust bindings of `wit/`, generated once in this crate and used by every adapter. This file has no handwritten code.
#![expect(clippy::pedantic, reason = "generated code")]

wit_bindgen::generate!({
    path: "../../wit/0.2",
    world: "adapter",
    pub_export_macro: true,
    export_macro_name: "export",
    default_bindings_module: "deed_adapter_sdk::bindings",
    additional_derives: [PartialEq],
});
