//! Published signatures: the test suite of AWS Signature Version 4, and the examples of the documentation of AWS.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const SUITE_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const S3_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
/// 2015-08-30 12:36:00 UTC, the time of the test suite.
const SUITE_MS: i64 = 1_440_938_160_000;
const SUITE_DATE: &str = "20150830T123600Z";
/// The session token of the test suite, which only an expired example key had.
const SUITE_TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRq\
    TflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75Y\
    U9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9K\
    SYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

/// Names and values of headers.
type Headers = [(&'static str, &'static str)];
/// The first line of a request, its headers, its body and its signature.
type Suite<'a> = (&'a str, &'a Headers, &'a str, &'a str);
/// The first line of a request, the digest of its body, its headers and its signature.
type Published<'a> = (&'a str, &'a str, &'a Headers, &'a str);

fn signer<'a>(service: &'a str, secret: &'a str) -> Signer<'a> {
    Signer { key_id: "AKIDEXAMPLE", region: "us-east-1", service, secret }
}

fn parts<'a>(service: &'a str, head: &'a str, headers: &[(&str, &str)]) -> Parts<'a> {
    let (method, target) = head.split_once(' ').unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Parts { service, method, path, query, headers: headers.collect() }
}

/// The signature in a header `Authorization`.
fn signature(authorization: &str) -> &str {
    authorization.split_once("Signature=").unwrap().1
}

/// A case of the test suite: a request with the headers of the suite and these, and its signature.
fn suite(head: &str, more: &[(&str, &str)], body: &str) -> String {
    let own = [("host", "example.amazonaws.com"), ("x-amz-date", SUITE_DATE)];
    let headers = [&own[..], more].concat();
    let parts = parts("service", head, &headers);
    let digest = Digest::of(body.as_bytes()).hex();
    let signer = signer("service", SUITE_KEY);
    signature(&signer.authorization(&parts, SUITE_DATE, &digest).unwrap()).to_owned()
}

#[test]
fn signatures_are_those_of_the_published_test_suite() {
    let form = ("content-type", "application/x-www-form-urlencoded");
    let token = ("x-amz-security-token", SUITE_TOKEN);
    let cases: [Suite<'_>; 6] = [
        ("GET /", &[], "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (
            "GET /?Param2=value2&Param1=value1",
            &[],
            "",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "GET /?%E1%88%B4=bar",
            &[],
            "",
            "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
        ),
        (
            "GET /\u{1234}",
            &[],
            "",
            "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
        ),
        (
            "POST /",
            &[form],
            "Param1=value1",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
        (
            "POST /",
            &[token],
            "",
            "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
        ),
    ];
    for (head, more, body, wanted) in cases {
        assert_eq!(suite(head, more, body), wanted, "{head}");
    }
}

#[test]
fn the_example_for_iam_in_the_documentation_is_signed_alike() {
    let kind = "application/x-www-form-urlencoded; charset=utf-8";
    let headers =
        [("content-type", kind), ("host", "iam.amazonaws.com"), ("x-amz-date", SUITE_DATE)];
    let parts = parts("iam", "GET /?Action=ListUsers&Version=2010-05-08", &headers);
    let digest = Digest::of(b"").hex();
    let canonical = parts.canonical(&digest).unwrap();
    assert_eq!(
        Digest::of(canonical.as_bytes()).hex(),
        "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59"
    );
    assert_eq!(
        signer("iam", SUITE_KEY).authorization(&parts, SUITE_DATE, &digest).unwrap(),
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date, \
         Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    );
}

#[test]
fn the_examples_for_s3_in_the_documentation_are_signed_alike() {
    let date = "20130524T000000Z";
    let empty = Digest::of(b"").hex();
    let put = Digest::of(b"Welcome to Amazon S3.").hex();
    let cases: [Published<'_>; 3] = [
        (
            "GET /test.txt",
            &empty,
            &[("range", "bytes=0-9")],
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            "PUT /test%24file.text",
            &put,
            &[
                ("date", "Fri, 24 May 2013 00:00:00 GMT"),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ],
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            "GET /?max-keys=2&prefix=J",
            &empty,
            &[],
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ];
    for (head, digest, more, wanted) in cases {
        let own = [
            ("host", "examplebucket.s3.amazonaws.com"),
            ("x-amz-content-sha256", digest),
            ("x-amz-date", date),
        ];
        let parts = parts("s3", head, &[&own[..], more].concat());
        let signed = signer("s3", S3_KEY).authorization(&parts, date, digest).unwrap();
        assert_eq!(signature(&signed), wanted, "{head}");
    }
}

/// A request of the host, before it is signed.
fn request(target: &str, more: &[(&'static str, &str)]) -> Request<Full<Bytes>> {
    let mut request =
        Request::builder().method("POST").uri(target).body(Full::from("a=1")).unwrap();
    let own = [
        ("host", "iam.amazonaws.com"),
        ("accept", "application/xml, text/xml"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    for (name, value) in own.iter().chain(more) {
        request.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
    }
    request
}

/// The signature was computed by botocore 1.44.8.
#[test]
fn a_whole_request_is_signed_as_botocore_signs_it() {
    let target = "/a%20b/?Action=x%3Ay&A=%2F&Version=2010-05-08";
    let mut request = request(target, &[("x-amz-security-token", "session-token-0123456789")]);
    signer("iam", SUITE_KEY).sign(&mut request, SUITE_MS).unwrap();
    let header = |name: &str| request.headers().get(name).unwrap().to_str().unwrap();
    assert_eq!(header("x-amz-date"), SUITE_DATE);
    assert_eq!(header("x-amz-content-sha256"), Digest::of(b"a=1").hex());
    assert_eq!(
        header("authorization"),
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
         SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token, \
         Signature=7c21c40a710679f051f3046b2437ed80be3117bc546f32498bbf3872b9fd3e46"
    );
    assert!(request.headers()["authorization"].is_sensitive());
    assert!(!header("authorization").contains(SUITE_KEY));
}

#[test]
fn what_two_readers_may_understand_differently_is_not_signed() {
    let sign = |target: &str, more: &[(&'static str, &str)]| {
        signer("iam", SUITE_KEY).sign(&mut request(target, more), SUITE_MS).unwrap_err()
    };
    assert_eq!(sign("/?a=b+c", &[]), SignError::Plus);
    assert_eq!(sign("/?a=%2", &[]), SignError::Percent);
    assert_eq!(sign("/?a=%zz", &[]), SignError::Percent);
    for name in ["authorization", "x-amz-date", "x-amz-content-sha256"] {
        assert_eq!(sign("/", &[(name, "x")]), SignError::Taken(name.to_owned()));
    }
}

#[test]
fn header_values_are_trimmed_and_their_spaces_collapsed() {
    assert_eq!(canonical::collapsed("  a   b  c "), "a b c");
    let mut one = request("/", &[("x-amz-meta", " a   b ")]);
    let mut two = request("/", &[("x-amz-meta", "a b")]);
    for request in [&mut one, &mut two] {
        signer("iam", SUITE_KEY).sign(request, SUITE_MS).unwrap();
    }
    assert_eq!(one.headers()["authorization"], two.headers()["authorization"]);
}

fn refused(answer: &str) -> Option<String> {
    signer("iam", SUITE_KEY).refusal("iam-read", answer.as_bytes(), None)
}

#[test]
fn a_refused_time_is_explained_by_the_difference_of_the_clocks() {
    let differ = Some("the `Date` of the answer is 300 s ahead of the host's clock".to_owned());
    for (code, is_late) in [("RequestTimeTooSkewed", true), ("SignatureDoesNotMatch", false)] {
        let answer = format!("<Code>{code}</Code>");
        let signer = signer("iam", SUITE_KEY);
        let said = signer.refusal("iam-read", answer.as_bytes(), differ.clone()).unwrap();
        assert_eq!(said.contains("is 300 s ahead of"), is_late, "{said}");
    }
}

#[test]
fn a_refusal_says_what_to_correct() {
    let error = |code: &str, message: &str| {
        format!(
            "<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        )
    };
    let lacks = "User: arn:aws:iam::1:user/x is not authorized to perform: iam:GetUser on resource: user alice";
    for (answer, wanted) in [
        (
            error("SignatureDoesNotMatch", "…"),
            "secret `iam-read` belongs to access key `AKIDEXAMPLE`",
        ),
        (
            error("SignatureDoesNotMatch", "Signature expired: 1 is now earlier than 2"),
            "check the clock",
        ),
        (error("RequestTimeTooSkewed", "…"), "check the clock of the host"),
        (error("InvalidClientTokenId", "…"), "is not known or not active"),
        (error("ExpiredToken", "…"), "the session token"),
        (error("AccessDenied", lacks), "lacks the permission `iam:GetUser` (`AccessDenied`)"),
        (error("AccessDenied", "no"), "lacks a permission"),
        (r#"{"__type":"com.amazon#UnrecognizedClientException"}"#.to_owned(), "is not known"),
        (r#"{"__type":"AccessDeniedException"}"#.to_owned(), "lacks a permission"),
    ] {
        let said = refused(&answer).unwrap();
        assert!(said.contains(wanted), "{said}");
        assert!(!said.contains(SUITE_KEY));
    }
}

#[test]
fn only_known_codes_and_names_of_permissions_are_taken_from_an_answer() {
    for answer in ["", "AccessDenied", "<Code>NoSuchEntity</Code>", "<Code>AccessDeniedX</Code>"] {
        assert_eq!(refused(answer), None, "{answer}");
    }
    let long = format!("iam:{}", "A".repeat(200));
    for name in ["", "a b", "iam", "\u{1b}[2J:x", "<script>:x", ":", "a:b:c", long.as_str()] {
        let answer = format!("<Code>AccessDenied</Code>is not authorized to perform: {name}");
        assert!(refused(&answer).unwrap().contains("lacks a permission"), "{name}");
    }
    let far = format!("{}<Code>AccessDenied</Code>", " ".repeat(20_000));
    assert_eq!(refused(&far), None);
}

/// Percent-encodes all bytes except those that are kept.
fn percent(text: &str, kept: impl Fn(u8) -> bool) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if kept(byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
        }
    }
    encoded
}

proptest! {
    #[test]
    fn equal_queries_have_one_canonical_form(
        pairs in proptest::collection::vec(("[a-zA-Z0-9/:~ %&=+é]{1,8}", "[ -~é]{0,8}"), 0..6),
        raw in any::<bool>(),
    ) {
        // The same pairs, the second time reversed and with every byte encoded in lower case.
        let host = |text: &str| {
            percent(text, |byte| byte.is_ascii_alphanumeric() || (raw && b"/:~".contains(&byte)))
        };
        let strict = |text: &str| percent(text, |_| false).to_lowercase();
        let one: Vec<String> = pairs.iter().map(|(a, b)| format!("{}={}", host(a), host(b))).collect();
        let two = pairs.iter().rev().map(|(a, b)| format!("{}={}", strict(a), strict(b)));
        let (one, two) = (one.join("&"), two.collect::<Vec<_>>().join("&"));
        let canonical = |query: &str| {
            let parts = Parts { service: "iam", method: "GET", path: "/", query, headers: BTreeMap::new() };
            parts.canonical("").unwrap()
        };
        let (one, two) = (canonical(&one), canonical(&two));
        prop_assert_eq!(&one, &two);
        let line = one.lines().nth(2).unwrap_or_default();
        let found: Vec<&str> = line.split('&').filter(|pair| !pair.is_empty()).collect();
        prop_assert_eq!(found.len(), pairs.len());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%&=".contains(&byte);
        prop_assert!(line.bytes().all(plain), "{}", line);
        let names: Vec<(&str, &str)> = found.iter().map(|pair| pair.split_once('=').unwrap()).collect();
        prop_assert!(names.is_sorted());
    }

    #[test]
    fn paths_are_encoded_twice_except_for_s3(segment in "[a-z%é ]{1,8}") {
        let once = percent(&segment, |byte| byte.is_ascii_alphanumeric());
        let path = format!("/x/{once}");
        let line = |service| {
            let parts = Parts { service, method: "GET", path: &path, query: "", headers: BTreeMap::new() };
            parts.canonical("").unwrap().lines().nth(1).unwrap().to_owned()
        };
        prop_assert_eq!(line("s3"), format!("/x/{once}"));
        prop_assert_eq!(line("iam"), format!("/x/{}", once.replace('%', "%25")));
    }
}
