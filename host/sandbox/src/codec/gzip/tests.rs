use std::io::Write as _;

use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;

fn packed(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn said(encodings: &[&'static str], bytes: Vec<u8>, allowed: bool) -> Result<Vec<u8>, GzipError> {
    let mut headers = HeaderMap::new();
    for encoding in encodings {
        headers.append(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    content(allowed, &headers, &bytes).map(|content| content.unwrap_or(bytes))
}

#[test]
fn gzip_is_unpacked_only_where_it_is_allowed() {
    for encoding in ["gzip", "GZip", "x-gzip"] {
        assert_eq!(said(&[encoding], packed(b"{}"), true).as_deref(), Ok(b"{}".as_slice()));
        assert_eq!(said(&[encoding], packed(b"{}"), false), Err(GzipError::NotAllowed));
    }
    for plain in [&[][..], &["identity"], &["Identity", "identity"]] {
        assert_eq!(said(plain, packed(b"{}"), true), Ok(packed(b"{}")));
    }
    for other in [&["br"][..], &["gzip, gzip"], &["gzip", "gzip"], &["identity", "gzip"], &[""]] {
        assert_eq!(said(other, packed(b"{}"), true), Err(GzipError::Encoding), "{other:?}");
    }
    assert_eq!(said(&["gzip"], Vec::new(), false), Ok(Vec::new()));
}

#[test]
fn a_bomb_ends_at_the_limit() {
    let most = vec![b' '; limits::RESPONSE];
    assert_eq!(said(&["gzip"], packed(&most), true).map(|content| content.len()), Ok(most.len()));
    let mut more = most;
    more.push(b' ');
    assert_eq!(said(&["gzip"], packed(&more), true), Err(GzipError::TooLarge));
    // The decoder stops at the size limit, so the part of the stream after the limit has no effect.
    let mut bomb = packed(&vec![0; 256 << 20]);
    assert!(bomb.len() < limits::RESPONSE);
    bomb.truncate(bomb.len() - 8);
    assert_eq!(said(&["gzip"], bomb, true), Err(GzipError::TooLarge));
}

#[test]
fn what_is_not_exactly_one_stream_is_refused() {
    let whole = packed(br#"{"a": 1}"#);
    for end in 1..whole.len() {
        let cut = whole.get(..end).unwrap().to_vec();
        assert_eq!(said(&["gzip"], cut, true), Err(GzipError::Broken), "cut at {end}");
    }
    for at in [0, 1, 2, whole.len() - 1, whole.len() - 5] {
        let mut wrong = whole.clone();
        wrong[at] ^= 1;
        assert_eq!(said(&["gzip"], wrong, true), Err(GzipError::Broken), "changed at {at}");
    }
    assert_eq!(said(&["gzip"], b"{}".to_vec(), true), Err(GzipError::Broken));
    for tail in [b"x".to_vec(), b"\0".to_vec(), packed(b"")] {
        assert_eq!(said(&["gzip"], [whole.clone(), tail].concat(), true), Err(GzipError::Trailing));
    }
}
