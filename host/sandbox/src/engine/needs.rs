//! What a component needs beyond the strict world, by the outline of its sections.

use crate::limits;

/// The ids of sections of a component, in the binary format of the component model.
const CORE_MODULE: u8 = 1;
const IMPORTS: u8 = 10;

/// Why a component needs the world with WASI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// It imports this interface.
    Import(String),
    /// It has more core modules than the strict world allows.
    Modules,
}

/// Why a component needs the world with WASI; `None` if it does not, and if the bytes are damaged.
///
/// Only the component's own imports count: components that are built without WASI still have the names of its interfaces
/// inside.
pub(super) fn of(bytes: &[u8]) -> Option<Need> {
    let mut rest = bytes.get(8..).unwrap_or_default();
    let mut modules = 0_u32;
    while let Some((id, content, after)) = section(rest) {
        if let Some(name) = (id == IMPORTS).then(|| wasi_name(content)).flatten() {
            return Some(Need::Import(name));
        }
        modules = modules.saturating_add(u32::from(id == CORE_MODULE));
        if modules > limits::INSTANCES {
            return Some(Need::Modules);
        }
        rest = after;
    }
    None
}

/// The first name in a section of imports that begins with `wasi:`.
fn wasi_name(content: &[u8]) -> Option<String> {
    let at = content.windows(5).position(|part| part == b"wasi:")?;
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || b":/@.-".contains(byte);
    let name = content.get(at..)?.iter().take_while(is_part).take(limits::WASI_NAME);
    Some(name.map(|byte| char::from(*byte)).collect())
}

/// The id and the content of the first section, and what follows it. `None` at the end, and if the bytes are damaged.
fn section(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&id, mut rest) = bytes.split_first()?;
    let mut size = 0_usize;
    // A size has at most 32 bits, in groups of seven.
    for shift in [0, 7, 14, 21, 28] {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        size |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let (content, after) = rest.split_at_checked(size)?;
            return Some((id, content, after));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(inside: &str) -> Option<Need> {
        of(&wat::parse_str(format!("(component {inside})")).unwrap())
    }

    #[test]
    fn only_imports_and_many_modules_need_the_world_with_wasi() {
        let clock = "wasi:clocks/wall-clock@0.2.0";
        let import = format!("(import \"{clock}\" (instance (export \"now\" (func))))");
        assert_eq!(need(&import), Some(Need::Import(clock.to_owned())));
        assert_eq!(need(r#"(import "deed:adapter/log@0.2.0" (instance))"#), None);
        let inside = r#"(core module (memory 1) (data (i32.const 0) "wasi:io"))"#;
        assert_eq!(need(inside), None);
        assert_eq!(need(&"(core module)".repeat(16)), None);
        assert_eq!(need(&"(core module)".repeat(17)), Some(Need::Modules));
    }

    #[test]
    fn damaged_bytes_are_no_panic() {
        let text = r#"(component (core module) (import "wasi:io/poll@0.2.0" (instance)))"#;
        let bytes = wat::parse_str(text).unwrap();
        for end in 0..bytes.len() {
            of(&bytes[..end]);
        }
        for size in [&[0x80; 5][..], &[0xff, 0xff, 0xff, 0xff, 0x0f]] {
            let damaged = [&bytes[..8], &[IMPORTS], size, b"wasi:"].concat();
            assert_eq!(of(&damaged), None);
        }
    }
}
