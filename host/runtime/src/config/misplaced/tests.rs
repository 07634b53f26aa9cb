use super::*;

const PEM: &str =
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIE/one+\n-----END PRIVATE KEY-----\n";

#[test]
fn what_looks_like_a_secret_is_not_shown() {
    let other = PEM.replace("one", "two");
    for (field, value) in [
        ("file", PEM),
        ("person", other.as_str()),
        ("file", "a-very-secret-value-0123456"),
        ("file", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        ("env", "a-very-secret-value-0123456"),
        ("proxy", "http://user:password@10.0.0.1:3128"),
        ("base_url", "ftp://a-very-secret-value"),
        ("timeout", "a very secret value of words"),
        ("timeout", "GET /scim/v2/Users?count=1"),
        ("test", "a-very-secret-value-0123456"),
        ("expires", "a-very-secret-value-0123456"),
        ("base_url", "http://127.0.0.1:Ab3dEf9hIjKlMn0pQrSt/v2"),
        ("base_url", "http://127.0.0.1:80:abcdefghijkl/v2"),
        ("base_url", "http://[::1]abcdefghijkl:80/v2"),
        ("base_url", "https://Ab3dEf9hIjKlMn0pQrSt/v2"),
        ("digest", "sha256:zz-very-secret-value"),
    ] {
        assert_eq!(private(field, value), Some(value), "{field}");
    }
    for (url, path) in [
        ("https://hooks.example.com/services/a-very-secret-value", "/services/a-very-secret-value"),
        ("http://h/x?key=a-very-secret-value", "/x?key=a-very-secret-value"),
    ] {
        assert_eq!(private("url", url), Some(path));
    }
    let path = "/x?key=a-very-secret-value";
    assert_eq!(private("test", &format!("GET {path}")), Some(path));
}

#[test]
fn names_paths_and_addresses_are_shown() {
    let digest = format!("sha256:{}", "0".repeat(64));
    for (field, value) in [
        ("file", "short"),
        ("file", "secrets/idp-production-write-token"),
        ("program", "/usr/local/bin/vault-token"),
        ("keys", "approvers/bob.pub"),
        ("origin", "deed.example.com/log"),
        ("digest", digest.as_str()),
        ("env", "IDP_PRODUCTION_TOKEN"),
        ("person", "someone-with-a-long-name"),
        ("vkey", "witness.example.com+0123abcd+AQ=="),
        ("allow_headers", "Transfer-Encoding"),
        ("proxy", "proxy.example.com:3128"),
        ("proxy", "http://proxy.example.com:3128"),
        ("base_url", "https://IDP.example.com/scim/v2"),
        ("base_url", "http://[2001:db8::1]:8080/v2"),
        ("base_url", "http://[2001:db8::1]/scim/v2"),
        ("url", "https://login.example.com/realms/main?x=1"),
        ("content_types", "application/vnd.api+json"),
        ("test", "GET /scim/v2/Users?count=1"),
        ("expires", "2027-03-01T09:00:00Z"),
    ] {
        assert_eq!(private(field, value), None, "{field} {value}");
    }
}

#[test]
fn a_value_is_hidden_in_whole_in_part_in_another_case_and_escaped() {
    let other = PEM.replace("one", "two");
    let file = format!(
        "a = \"a-very-secret-value-0123456\"\nb = \"\"\"{PEM}\"\"\"\nc = [\"\"\"{other}\"\"\"]\n\
         d = \"a-name-of-a-table\"\n[a-name-of-a-table]\n"
    );
    let misplaced = Misplaced::of(&file);
    let all = format!("`{PEM}`, `{other}` and `{}`", deed_spec::text::safe(PEM));
    let start = format!("`{}` is no size", other.get(..40).unwrap());
    for (text, shown) in [
        ("`A-Very-Secret-Value-0123456` is wrong", "`…` is wrong"),
        ("`a-very-secret-value` is wrong", "`…` is wrong"),
        ("`a-very-s` is wrong", "`…` is wrong"),
        ("`a-very-` is wrong", "`a-very-` is wrong"),
        ("token `a-name-of-a-table`", "token `a-name-of-a-table`"),
        (all.as_str(), "`…`, `…` and `…`"),
        (start.as_str(), "`…` is no size"),
        ("ä `…`", "ä `…`"),
        ("", ""),
    ] {
        assert_eq!(misplaced.hidden_in(text), shown);
    }
    assert_eq!(
        Misplaced::of("a = [").hidden_in("a-very-secret-value-0123456"),
        "a-very-secret-value-0123456"
    );
}

#[test]
fn the_end_of_a_value_is_hidden_and_an_ordinary_word_is_not() {
    let misplaced = Misplaced::of(
        "a = \"sha256:zz-very-secret-value\"\nb = \"Bearer abcdefghijklmnop1234\"\n\
         c = \"production-value-0123456\"\n",
    );
    for (text, shown) in [
        ("`zz-very-secret-value` is not 64 digits", "`…` is not 64 digits"),
        ("abcdefghijklmnop1234 is no token", "… is no token"),
        ("in production there is one", "in production there is one"),
        ("in production-value-0123456 there", "in … there"),
        ("in production-valu there", "in … there"),
        ("`product` and `producti`", "`product` and `…`"),
        ("ä production ö", "ä production ö"),
    ] {
        assert_eq!(misplaced.hidden_in(text), shown);
    }
}

#[test]
fn a_key_that_looks_random_is_hidden_everywhere() {
    let keys = [
        "Ab3dEf9hIjKlMn0pQrSt",
        "sk_live_51HqLyjWDarjtT1zdp7dcXYZ",
        "4f9d8a7b6c5e4d3f2a1b0c9d8e7f6a5b",
    ];
    for key in keys {
        let misplaced = Misplaced::of(&format!("[secret.{key}]\nfile = \"{key}\"\n"));
        let text = format!("secret `{key}`: cannot read `secrets/{key}`");
        assert_eq!(misplaced.hidden_in(&text), "secret `…`: cannot read `secrets/…`");
    }
    for key in ["X-Amz-Content-Sha256", "okta-production-2026-eu1", "idp_production_write"] {
        let misplaced = Misplaced::of(&format!("[secret.{key}]\nfile = \"{key}\"\n"));
        let text = format!("secret `{key}` is missing");
        assert_eq!(misplaced.hidden_in(&text), text);
    }
}
