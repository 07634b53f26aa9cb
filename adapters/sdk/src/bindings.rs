//! Takes `wit/`, gives its Rust bindings, generated once for every adapter. Nothing in this file
//! is written by hand, and nothing here decides anything.
#![expect(clippy::pedantic, reason = "generated code")]

wit_bindgen::generate!({
    path: "../../wit",
    world: "adapter",
    pub_export_macro: true,
    export_macro_name: "export",
    default_bindings_module: "deed_adapter_sdk::bindings",
    additional_derives: [PartialEq],
});
