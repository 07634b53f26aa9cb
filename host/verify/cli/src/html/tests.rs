use std::fs;

use deed_spec::text::deceives;
use deed_verify::Trust;

use super::*;

const MODULE: &[u8] = &[0x1f, 0x8b, 8, 0, 1, 2, 3];

/// The text between these two, of which there must be one each.
fn between<'a>(page: &'a str, start: &str, end: &str) -> &'a str {
    let parts: Vec<&str> = page.split(start).collect();
    let [_, rest] = parts.as_slice() else { panic!("{} parts around {start}", parts.len()) };
    rest.split_once(end).unwrap().0
}

fn digest(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Digest::of(text.as_bytes()).as_bytes()))
}

#[test]
fn the_policy_has_the_digests_of_the_script_and_the_style_of_the_page() {
    let page = with_module(MODULE);
    let stated = between(&page, "<meta http-equiv=\"Content-Security-Policy\" content=\"", "\"");
    assert_eq!(stated, policy());
    let (script, style) =
        (between(&page, "<script>", "</script>"), between(&page, "<style>", "</style>"));
    assert!(stated.contains(&format!("script-src {} 'wasm-unsafe-eval';", digest(script))));
    assert!(stated.contains(&format!("style-src {};", digest(style))));
    assert!(stated.starts_with("default-src 'none'; ") && !stated.contains("'unsafe-"), "{stated}");
}

#[test]
fn the_page_has_the_module_and_names_its_digest() {
    let page = with_module(MODULE);
    let start = "<script type=\"application/wasm+gzip+base64\" id=\"module\">";
    assert_eq!(STANDARD.decode(between(&page, start, "</script>")).unwrap(), MODULE);
    assert!(page.contains(&format!("<code>{}</code>", Digest::of(MODULE))), "{page}");
    for field in ["{policy}", "{style}", "{version}", "{digest}", "{script}", "{module}"] {
        assert!(!page.contains(field), "{field} is not filled");
    }
}

#[test]
fn the_script_sets_texts_only_and_loads_nothing() {
    let banned = [
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
        "document.write",
        "eval",
        "Function(",
        "fetch(",
        "XMLHttpRequest",
        "import",
        "WebSocket",
        "sendBeacon",
        "http:",
        "https:",
        "</",
        "<!--",
    ];
    for word in banned {
        assert!(!SCRIPT.contains(word), "the script has {word}");
    }
    for word in ["<", "url(", "@import"] {
        assert!(!STYLE.contains(word), "the style has {word}");
    }
    for word in [" src=", " href=", "http:", "https:", " on"] {
        let mut tags = TEMPLATE.split('<').filter_map(|part| part.split_once('>'));
        assert!(tags.all(|(tag, _)| !tag.contains(word)), "the page has {word}");
    }
    assert!(!SCRIPT.contains('\r') && !STYLE.contains('\r'), "a browser would change the text");
}

#[test]
fn the_script_reads_every_file_of_a_trust_directory() {
    let names = between(SCRIPT, "const TRUST_FILES = [", "]");
    let names: Vec<&str> = names.split(", ").map(|name| name.trim_matches('\'')).collect();
    assert_eq!(names, Trust::FILES);
}

/// The characters and ranges of characters that the script names by their numbers.
fn named() -> Vec<(u32, u32)> {
    let class = between(SCRIPT, "const DECEIVING = new RegExp(String.raw`[", "]`, 'gu')");
    let number = |text: &str| u32::from_str_radix(text.split_once('}')?.0, 16).ok();
    let mut named: Vec<(u32, u32)> = Vec::new();
    let mut is_range = false;
    for part in class.split("\\u{").skip(1) {
        let at = number(part).unwrap();
        match named.last_mut().filter(|_| is_range) {
            Some(last) => last.1 = at,
            None => named.push((at, at)),
        }
        is_range = part.ends_with("}-");
    }
    named
}

#[test]
fn the_script_shows_the_number_of_every_character_without_a_shape() {
    let named = named();
    // Those outside of the categories that the script names: control, format and unassigned characters, and breaks.
    let others = "\u{34f}\u{115f}\u{1160}\u{17b4}\u{17b5}\u{180b}\u{180c}\u{180d}\u{180f}\u{2800}\u{3164}\u{fe00}\u{fe0f}\
                  \u{ffa0}\u{1d159}\u{e0100}\u{e01ef}";
    for c in others.chars() {
        assert!(deceives(c), "{c:?} is one of the characters that are escaped elsewhere");
        let at = u32::from(c);
        assert!(named.iter().any(|(first, last)| (*first..=*last).contains(&at)), "{c:?}");
    }
    for (first, last) in named {
        let mut all = (first..=last).filter_map(char::from_u32);
        assert!(all.all(deceives), "{first:x} to {last:x} has a character that is shown elsewhere");
    }
}

#[test]
fn the_largest_module_fits_in_a_page_of_4_mb() {
    let page = with_module(&vec![0; MODULE_MAX]);
    assert!(page.len() <= 4_000_000, "{} bytes", page.len());
}

#[test]
fn a_file_that_exists_stays_as_it_is() {
    let path = std::env::temp_dir().join(format!("deed-verify-page-{}", std::process::id()));
    fs::write(&path, "mine").unwrap();
    let refused = store("page", &path).unwrap_err().to_string();
    assert!(refused.contains("exists, and the page is not written over it"), "{refused}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    fs::remove_file(&path).unwrap();
    store("page", &path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "page");
    fs::remove_file(&path).unwrap();
}
