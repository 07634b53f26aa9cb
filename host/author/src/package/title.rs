//! File names of packages. A name comes from a manifest, so it must not lead out of the directory that is written, hide
//! a file, or look like an option.

/// The longest file name.
const NAME_MAX: usize = 128;

/// What a file name must be, for errors.
pub(super) const RULE: &str = "a file name has letters, digits, `.`, `_` and `-`, begins with a letter or digit, and \
                               has at most 128 characters";

/// The name without its extension, if the file name is allowed and has this extension, which is without the dot.
pub(super) fn stem<'a>(file: &'a str, extension: &str) -> Option<&'a str> {
    let stem = file.strip_suffix(extension)?.strip_suffix('.')?;
    let fits = file.len() <= NAME_MAX
        && stem.starts_with(|c: char| c.is_ascii_alphanumeric())
        && stem.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    fits.then_some(stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_file_names_are_names() {
        assert_eq!(stem("titles.wasm", "wasm"), Some("titles"));
        assert_eq!(stem("idp.set_title.toml", "toml"), Some("idp.set_title"));
        for bad in [
            "../x.wasm",
            "/x.wasm",
            "a/b.wasm",
            "a\\b.wasm",
            ".wasm",
            "..wasm",
            ".x.wasm",
            "-x.wasm",
            "x.toml",
            "xwasm",
            "x.wasm\0",
            "x\n.wasm",
            "ä.wasm",
            "",
        ] {
            assert_eq!(stem(bad, "wasm"), None, "{bad}");
        }
        assert_eq!(stem(&format!("{}.wasm", "x".repeat(124)), "wasm"), None);
    }
}
