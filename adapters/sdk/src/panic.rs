//! Logs why a panic stopped the adapter. Without this log line, the host would learn only that the adapter stopped,
//! because a trap does not carry the panic's message.

use std::panic::PanicHookInfo;

use crate::log::{self, Level};

/// Logs the message and the place of every panic of this instance as a line of level `error`. The host adds a panic's
/// log line to the claim; see `wit/log.wit`.
pub(crate) fn told() {
    // Outside WebAssembly there is no host to call, and the default panic hook prints the same text.
    if cfg!(target_arch = "wasm32") {
        std::panic::set_hook(Box::new(|panic| log::write(Level::Error, &line(panic))));
    }
}

fn line(panic: &PanicHookInfo<'_>) -> String {
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let what = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let what = what.unwrap_or("no message");
    match panic.location() {
        Some(place) => format!("panicked at {place}: {what}"),
        None => format!("panicked at an unknown place: {what}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_panic_is_told_with_its_place() {
        let (send, lines) = mpsc::channel();
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| drop(send.send(line(panic)))));
        let caught = std::panic::catch_unwind(|| assert_eq!(1 + 1, 3, "sums differ"));
        std::panic::set_hook(before);
        assert!(caught.is_err());
        let line = lines.recv().unwrap();
        assert!(line.starts_with("panicked at ") && line.contains("panic.rs:"), "{line}");
        assert!(line.contains("sums differ"), "{line}");
    }
}
