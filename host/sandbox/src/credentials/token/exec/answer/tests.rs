use super::*;

const NOW_MS: i64 = 1_795_212_467_000; // 2026-11-20 22:07:47Z

fn read(text: &str) -> Result<(String, Option<u64>), AnswerError> {
    let minted = super::read("vault", text.as_bytes(), NOW_MS)?;
    let seconds = minted.lifetime.map(|lifetime| lifetime.as_secs());
    Ok((minted.value.reveal().to_owned(), seconds))
}

fn kubernetes(status: &str) -> String {
    format!(
        "{{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"spec\":{{}},\
         \"status\":{status}}}"
    )
}

#[test]
fn both_forms_are_read() {
    let token = "0123456789abcdef".to_owned();
    for (text, seconds) in [
        (r#"{"token": "0123456789abcdef"}"#.to_owned(), None),
        (r#"{"token": "0123456789abcdef", "expires_in": 300}"#.to_owned(), Some(300)),
        (kubernetes(r#"{"token": "0123456789abcdef"}"#), None),
        (
            kubernetes(
                r#"{"token": "0123456789abcdef", "expirationTimestamp": "2026-11-20T22:08:47Z"}"#,
            ),
            Some(60),
        ),
        (
            kubernetes(
                r#"{"token": "0123456789abcdef", "expirationTimestamp": "2026-11-20T14:08:47.999-08:00"}"#,
            ),
            Some(60),
        ),
    ] {
        assert_eq!(read(&text), Ok((token.clone(), seconds)), "{text}");
    }
}

#[test]
fn what_is_not_a_token_is_refused_without_being_shown() {
    let expiry = |at: &str| {
        kubernetes(&format!("{{\"token\":\"0123456789abcdef\",\"expirationTimestamp\":\"{at}\"}}"))
    };
    for (text, error) in [
        (String::new(), AnswerError::NoJson),
        ("0123456789abcdef".to_owned(), AnswerError::NoJson),
        (r#"{"token": "0123456789abcdef"} {}"#.to_owned(), AnswerError::NoJson),
        (r#"{"token": "0123456789abcdef", "token": "x"}"#.to_owned(), AnswerError::NoJson),
        (r#"{"token": "0123456789abcdef", "expires_in": 1.5}"#.to_owned(), AnswerError::NoJson),
        (r#""0123456789abcdef""#.to_owned(), AnswerError::Shape),
        (r#"{"token": "0123456789abcdef", "more": 1}"#.to_owned(), AnswerError::Shape),
        (r#"{"token": "0123456789abcdef", "expires_in": -1}"#.to_owned(), AnswerError::Shape),
        (
            r#"{"kind": "Other", "status": {"token": "0123456789abcdef"}}"#.to_owned(),
            AnswerError::Shape,
        ),
        (kubernetes("{}"), AnswerError::Shape),
        (r#"{"token": "0123456789abcdef", "expires_in": 0}"#.to_owned(), AnswerError::Expired),
        (r#"{"token": "short"}"#.to_owned(), AnswerError::Token),
        (r#"{"token": "The-Quarterly-Report"}"#.to_owned(), AnswerError::Ordinary),
        (r#"{"token": "0123456789 abcdef"}"#.to_owned(), AnswerError::Token),
        (r#"{"token": "0123456789abcdef\r\nX-Admin: 1"}"#.to_owned(), AnswerError::Token),
        (r#"{"token": "0123456789abcdef\n"}"#.to_owned(), AnswerError::Token),
        (r#"{"token": "0123456789abcdéf"}"#.to_owned(), AnswerError::Token),
        (format!("{{\"token\": \"{}\"}}", "x".repeat(20_000)), AnswerError::Token),
        (expiry("2026-11-20T22:07:47Z"), AnswerError::Expired),
        (expiry("2026-11-20T22:07:47+01:00"), AnswerError::Expired),
        (expiry("2026-11-20"), AnswerError::Time),
        (expiry("2026-11-20T22:08:47"), AnswerError::Time),
        (expiry("2026-11-20T22:08:47.Z"), AnswerError::Time),
        (expiry("2026-11-20T22:08:47+1:00"), AnswerError::Time),
        (expiry("2026-11-20T22:08:47+01:60"), AnswerError::Time),
        (expiry("2026-13-20T22:08:47Z"), AnswerError::Time),
    ] {
        assert_eq!(read(&text), Err(error), "{text}");
    }
}
