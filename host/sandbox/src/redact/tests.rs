use base64::Engine as _;
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
fn a_secret_without_its_separators_is_found_as_a_whole_text() {
    let uuid = "7d4f2c1e-90ab-4e6b-8c35-1f0e9d2b6a78";
    let secret = Arc::new(Secret::new("key", uuid.as_bytes()).unwrap());
    let redactor = Redactor::new([&secret].into_iter());
    for echo in [uuid.replace('-', ""), uuid.replace('-', "").to_ascii_uppercase()] {
        assert_eq!(redactor.value(&mut json!({ "echo": echo })), ["/echo"]);
    }
    // Of a long secret, the end is enough.
    let long = format!("{}.{}", "a1".repeat(40), "b2c3".repeat(16));
    let secret = Arc::new(Secret::new("key", long.as_bytes()).unwrap());
    assert!(Redactor::new([&secret].into_iter()).finds(&"b2c3".repeat(16)));
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

#[test]
fn a_token_that_is_obtained_during_the_run_is_found_from_then_on() {
    let token = Arc::new(Secret::new("minted", b"a-token/of+the-run").unwrap());
    let redactor = redactor();
    assert!(!redactor.finds("you sent a-token/of+the-run"));
    redactor.learn([&token, &token].into_iter());
    let before = redactor.forms().len();
    redactor.learn([&token].into_iter());
    assert_eq!(redactor.forms().len(), before, "a known secret costs nothing");
    for echo in ["you sent a-token/of+the-run", "a-token%2Fof%2Bthe-run", VALUE] {
        assert!(redactor.finds(echo), "{echo}");
    }
    assert!(redactor.finds(&STANDARD.encode("a-token/of+the-run")));
}

#[test]
fn a_search_among_many_secrets_finds_each_in_every_place() {
    let redactor = Redactor::default();
    let secret = |n: u32| {
        Arc::new(Secret::new("x", format!("eyJhbGciOiJSUzI1NiJ9.{n:020}").as_bytes()).unwrap())
    };
    let all: Vec<_> = (0..500).map(secret).collect();
    redactor.share(all.iter());
    for one in &all {
        let value = one.reveal();
        for echo in [
            value.to_owned(),
            format!("{value} is what you sent"),
            STANDARD.encode(format!("a{value}")),
        ] {
            assert!(redactor.finds(&echo), "{echo}");
        }
    }
    assert!(!redactor.finds("eyJhbGciOiJSUzI1NiJ9.00000000000000000500"));
    assert!(!redactor.finds("eyJhbGciOiJSUzI1NiJ9."));
    let mut value = json!({"a": all[7].reveal(), "b": "fine"});
    assert_eq!(redactor.value(&mut value), ["/a"]);
}

#[test]
fn tokens_that_a_hostile_issuer_makes_do_not_slow_a_search() {
    let redactor = Redactor::default();
    let secret = |text: String| Arc::new(Secret::new("x", text.as_bytes()).unwrap());
    let alike = |n: usize| secret(format!("{}z{n:06}{}", "a".repeat(300), "a".repeat(16)));
    let signs = |n: usize| {
        let digits = (0..16).map(|digit| if (n >> digit) & 1 == 1 { '-' } else { '=' });
        secret(digits.collect())
    };
    let all: Vec<_> = (0..2_000).map(alike).chain((0..2_000).map(signs)).collect();
    redactor.share(all.iter());
    let start = std::time::Instant::now();
    for text in ["a".repeat(100_000), "-=".repeat(50_000), "=-=".repeat(33_000)] {
        assert!(!redactor.finds(&format!("{text}%25 &amp; \\n")));
    }
    assert!(start.elapsed() < std::time::Duration::from_secs(20), "{:?}", start.elapsed());
    for one in [&all[0], &all[1_999], &all[2_000], &all[3_999]] {
        assert!(redactor.finds(&format!("you sent {} to me", one.reveal())));
    }
    assert!(!redactor.finds(&format!("{}z002000{}", "a".repeat(300), "a".repeat(16))));
}

#[test]
fn a_hit_has_the_name_of_its_secret() {
    let redactor = Redactor::default();
    let secret = |name: &str, text: &str| Arc::new(Secret::new(name, text.as_bytes()).unwrap());
    let all = [secret("one", "0123456789-abcdef"), secret("two", "-=-=-=-=-=-=-=-=")];
    redactor.share(all.iter());
    let forms = redactor.tenant.forms();
    for (text, name) in [
        ("you sent 0123456789%2Dabcdef", Some("one")),
        ("x -=-=-=-=-=-=-=-= y", Some("two")),
        ("neither of these two secrets", None),
    ] {
        assert_eq!(forms::name_in(&[&forms], text), name, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_search_in_a_large_answer_does_not_stop_the_other_tasks_of_its_thread() {
    let (begin, begun) = std::sync::mpsc::channel();
    let search = tokio::spawn(async move {
        aside(LARGE + 1, || begun.recv_timeout(std::time::Duration::from_secs(30)).is_ok())
    });
    let other = tokio::spawn(async move { begin.send(()).unwrap() });
    assert!(search.await.unwrap());
    other.await.unwrap();
}
