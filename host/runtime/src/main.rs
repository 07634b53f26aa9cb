//! The binary `deed`: everything is in the library's `cli` module.

fn main() -> std::process::ExitCode {
    deed_host::cli::main()
}
