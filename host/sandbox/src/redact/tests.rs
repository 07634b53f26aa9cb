use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::json;

use super::*;

const VALUE: &str = "s3cr3t/+\"token\\with~ugly?bytes>>";

fn redactor() -> Redactor {
    let secret = Arc::new(Secret::new("idp", VALUE.as_bytes()).unwrap());
    Redactor::new([&secret].into_iter())
}

fn each_byte(escape: impl Fn(u8) -> String) -> String {
    VALUE.bytes().map(escape).collect::<Vec<_>>().concat()
}

#[test]
fn every_encoding_is_found() {
    let redactor = redactor();
    let mut echoes = vec![
        VALUE.to_owned(),
        format!("Bearer {VALUE}"),
        data_encoding::HEXLOWER.encode(VALUE.as_bytes()),
        data_encoding::HEXUPPER.encode(VALUE.as_bytes()),
        deed_record::contract::template::percent_encode(VALUE),
        each_byte(|byte| format!("%{byte:02x}")),
        each_byte(|byte| format!("\\u{byte:04x}")),
        VALUE.replace('/', "%2F"),
        serde_json::to_string(VALUE).unwrap(),
        serde_json::to_string(VALUE).unwrap().replace('/', "\\/"),
    ];
    echoes.extend([
        VALUE.to_ascii_uppercase(),
        each_byte(|byte| format!("{byte:02X}:")),
        each_byte(|byte| format!("\\x{byte:02x}")),
        each_byte(|byte| format!("&#{byte};")),
        each_byte(|byte| format!("&#x{byte:X};")),
        each_byte(|byte| format!("={byte:02X}=\r\n")),
        each_byte(|byte| format!("%25{byte:02x}")),
        each_byte(|byte| format!("\\u0025{byte:02x}")),
        VALUE.replace('>', "&gt;").replace('"', "&quot;"),
        serde_json::to_string(&serde_json::to_string(VALUE).unwrap()).unwrap(),
    ]);
    for around in ["", "u:", "us:", "user:"] {
        let text = format!("{around}{VALUE}{around}");
        echoes.push(STANDARD.encode(&text));
        echoes.push(URL_SAFE.encode(&text));
        echoes.push(deed_record::contract::template::percent_encode(&STANDARD.encode(&text)));
        echoes.push(STANDARD.encode(&text).replace('A', "A\\r\\n"));
    }
    for echo in echoes {
        assert!(redactor.finds(&format!("before {echo} after")), "{echo}");
        assert_eq!(redactor.text(&echo, 9), REDACTED);
    }
}

#[test]
fn a_hit_replaces_the_whole_leaf_and_is_noted() {
    let mut value = json!({
        "a": ["fine", format!("x{VALUE}x")],
        "b/c": {"d": VALUE},
        "keys": {VALUE: 1, "other": 2},
        "n": 5,
    });
    let places = redactor().value(&mut value);
    assert_eq!(places, ["/a/1", "/b~1c/d", "/keys"]);
    assert_eq!(
        value,
        json!({"a": ["fine", REDACTED], "b/c": {"d": REDACTED}, "keys": REDACTED, "n": 5})
    );
}

#[test]
fn a_secret_of_digits_is_found_among_numbers() {
    let secret = Arc::new(Secret::new("pin", b"1234567890123456").unwrap());
    let mut value = json!({"n": 1_234_567_890_123_456_i64, "m": 1});
    assert_eq!(Redactor::new([&secret].into_iter()).value(&mut value), ["/n"]);
}

#[test]
fn an_answer_full_of_secrets_is_replaced_whole() {
    let some = |n: usize| json!({"list": vec![VALUE; n], "other": 1});
    let mut few = some(64);
    assert_eq!(redactor().value(&mut few).len(), 64);
    assert_eq!(few["other"], 1);
    let mut many = some(65);
    assert_eq!(redactor().value(&mut many), [""]);
    assert_eq!(many, REDACTED);
    let mut long = json!({"n".repeat(70_000): [VALUE]});
    assert_eq!(redactor().value(&mut long), [""]);
}

#[test]
fn a_secret_without_letters_is_compared_as_it_is() {
    let secret = Arc::new(Secret::new("odd", b"-=-=-=-=-=-=-=-=").unwrap());
    let redactor = Redactor::new([&secret].into_iter());
    assert!(redactor.finds("x -=-=-=-=-=-=-=-= y"));
    assert!(redactor.finds(&STANDARD.encode("-=-=-=-=-=-=-=-=")));
    assert!(!redactor.finds("-------------------=="));
    assert!(!redactor.finds("sixteen letters and more of them"));
}

#[test]
fn escapes_that_are_none_are_left() {
    let redactor = redactor();
    for text in [
        "100 % of %zz and %",
        "a\\",
        "\\u12",
        "&amp;&nosuch;&#;&#x110000;&",
        "= =zz =",
        "%+1\\u+123",
    ] {
        assert!(!redactor.finds(&format!("{text} and so many letters more {text}")), "{text}");
    }
}

#[test]
fn ordinary_text_stays_and_is_made_safe_to_print() {
    let redactor = redactor();
    assert_eq!(redactor.text("all is well", 100), "all is well");
    assert_eq!(redactor.text("a\nb\u{1b}[31m\u{202e}", 100), "a\\nb\\u{1b}[31m\\u{202e}");
    assert_eq!(redactor.text("äöü", 4), "äö");
    assert!(!format!("{redactor:?}").contains(VALUE));
}

#[test]
fn private_values_are_found_from_eight_bytes_on_beside_credentials() {
    let secret = Arc::new(Secret::new("idp", VALUE.as_bytes()).unwrap());
    let private = Live::new(vec!["no/12 ab".to_owned(), "private:hmac-sha256:00ff".to_owned()]);
    let redactor = Redactor::new([&secret].into_iter()).and(&private);
    let hex = data_encoding::HEXUPPER.encode(b"no/12 ab");
    for echo in [
        "no/12 ab",
        "xno/12 abx",
        "no%2F12%20ab",
        "no\\/12 ab",
        &hex,
        VALUE,
        "private%3Ahmac-sha256%3A00ff",
    ] {
        assert!(redactor.finds(echo), "{echo}");
    }
    assert!(!redactor.finds("no/12 a") && !redactor.finds("no 12 abc"));
    let around = STANDARD.encode("x: no/12 ab.");
    assert_eq!(redactor.text(&around, 99), REDACTED);
}
