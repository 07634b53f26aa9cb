use deed_record::action::{SubjectSource, SubjectToken, TokenKind};

use super::*;

fn stored_in(slot: Slot) -> CredentialRef {
    CredentialRef {
        secret: "writer".to_owned(),
        slot,
        source: None,
        token: None,
        headers: [].into(),
        header_sources: [].into(),
    }
}

fn access(credential: CredentialRef) -> Access {
    Access { credential: Some(credential), ..Access::default() }
}

#[test]
fn a_token_is_shown_with_what_it_is_for() {
    let some = |text: &str| Some(text.to_owned());
    let token = TokenRef {
        endpoint: some("https://login.example.com/token"),
        client: some("deed"),
        key: some("secrets/deed.pem"),
        issuer: some("https://deed.example.com"),
        assertion_audience: some("https://login.example.com"),
        subject: some("ali\u{1b}ce"),
        scopes: vec!["users:read".to_owned(), "users:write".to_owned()],
        ..TokenRef::new(TokenKind::TokenExchange)
    };
    let shown = described(&token);
    assert!(!shown.contains('\u{1b}'), "{shown}");
    let start = "token_exchange, from https://login.example.com/token, as deed, with the key secrets/deed.pem, \
                 issuer https://deed.example.com, assertions for https://login.example.com, for ali";
    assert!(shown.starts_with(start), "{shown}");
    assert!(shown.ends_with("ce, scopes users:read users:write"), "{shown}");
    let of_request = TokenRef {
        subject: some("user-17"),
        subject_token: Some(SubjectToken {
            source: SubjectSource::Request,
            issuer: "https://login.example.com".to_owned(),
            client: some("help\u{1b}desk"),
        }),
        ..TokenRef::new(TokenKind::TokenExchange)
    };
    let text = "token_exchange, for user-17, by exchange of the access token of the request, issued by \
                https://login.example.com, to client help\\u{1b}desk";
    assert_eq!(described(&of_request), text);
    let secret_source = some("file:secrets/\u{1b}deed");
    let own = TokenRef { issuer: token.client.clone(), secret_source, ..token };
    let proof = ", as deed, with the secret from the file secrets/\\u{1b}deed, with the key ";
    assert!(described(&own).contains(proof), "{}", described(&own));
    assert!(!described(&own).contains("issuer"), "{}", described(&own));
}

#[test]
fn each_place_of_a_credential_says_as_whom_the_host_acts() {
    let text = |value: &str| value.to_owned();
    let signed = Slot::Sigv4 {
        key_id: text("AKIAIOSFODNN7EXAMPLE"),
        region: text("us-east-1"),
        service: text("iam"),
    };
    for (slot, line) in [
        (Slot::Bearer, ""),
        (Slot::Header { name: text("x-api-key") }, ""),
        (
            Slot::Basic { user: text("root\u{1b}") },
            "  as user root\\u{1b}, with the secret writer\n",
        ),
        (
            signed,
            "  signed for AWS with the key AKIAIOSFODNN7EXAMPLE, for the service iam in the region us-east-1, with \
             the secret writer\n",
        ),
    ] {
        assert_eq!(access_to(Some(&access(stored_in(slot))), "  "), line);
    }
    let in_header = CredentialRef {
        token: Some(TokenRef::new(TokenKind::Exec)),
        headers: [(text("x-app"), text("app_key"))].into(),
        ..stored_in(Slot::Header { name: text("x-vault-token") })
    };
    let lines = "  with token writer: exec\n  token writer is in the header x-vault-token\n  \
                 with the secret app_key in the header x-app\n";
    assert_eq!(access_to(Some(&access(in_header)), "  "), lines);
}

#[test]
fn each_stored_secret_is_shown_with_its_source() {
    let text = |value: &str| value.to_owned();
    for (source, slot, line) in [
        (
            "file:secrets/\u{1b}w",
            Slot::Bearer,
            "with the secret writer from the file secrets/\\u{1b}w",
        ),
        (
            "env:WRITER",
            Slot::Header { name: text("x-api-key") },
            "with the secret writer from the environment variable WRITER",
        ),
        (
            "file:w",
            Slot::Basic { user: text("root") },
            "as user root, with the secret writer from the file w",
        ),
    ] {
        let credential = CredentialRef {
            source: Some(text(source)),
            headers: [(text("x-app"), text("app_key"))].into(),
            header_sources: [(text("x-app"), text("file:app"))].into(),
            ..stored_in(slot)
        };
        let more = "with the secret app_key from the file app in the header x-app";
        assert_eq!(access_to(Some(&access(credential)), ""), format!("{line}\n{more}\n"));
    }
}

#[test]
fn a_proxy_is_shown_with_its_addresses_and_its_user() {
    let proxy = ProxyRef {
        url: "http://proxy.example.com:3128".to_owned(),
        addresses: vec!["public".to_owned(), "private".to_owned()],
        user: None,
        secret: None,
        secret_source: None,
    };
    let named = ProxyRef {
        user: Some("deed\u{1b}".to_owned()),
        secret: Some("proxy_password".to_owned()),
        secret_source: Some("file:secrets/proxy".to_owned()),
        ..proxy.clone()
    };
    let start = "through the proxy http://proxy.example.com:3128 at public or private addresses";
    assert_eq!(through(&proxy), format!("{start}, which looks up the host name"));
    let login = ", as user deed\\u{1b} with the secret proxy_password from the file secrets/proxy";
    assert_eq!(through(&named), format!("{start}{login}, which looks up the host name"));
}

#[test]
fn only_the_credential_of_the_phase_is_shown() {
    let token = Some(TokenRef::new(TokenKind::ClientCredentials));
    let binding = Binding {
        base_url: String::new(),
        addresses: vec![],
        tls_roots: None,
        client_certificate: Some("tls/client.pem".to_owned()),
        client_key: Some("secrets/client.key".to_owned()),
        proxy: None,
        read: Some(stored_in(Slot::Bearer)),
        write: Some(CredentialRef { token, ..stored_in(Slot::Bearer) }),
        headers: [].into(),
        accepted: deed_record::exchange::codec::kind::Accepted::default(),
        idempotency: None,
        vault: [].into(),
        rules: vec![],
    };
    let write = Rendered { writes: true, ..Rendered::default() };
    let certificate = "  with the client certificate tls/client.pem\n";
    let text = format!("  with token writer: client_credentials\n{certificate}");
    assert_eq!(of_request(&write, Some(&binding), "  "), text);
    assert_eq!(of_request(&Rendered::default(), Some(&binding), "  "), certificate);
    assert_eq!(of_request(&write, None, "  "), "");
}
