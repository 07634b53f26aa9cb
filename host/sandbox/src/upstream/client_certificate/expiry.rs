//! Reads from a certificate when it expires (RFC 5280 section 4.1), and nothing else.
//!
//! The TLS library checks the rest of a certificate when it is used, but does not tell when it expires.

use deed_record::timeline::from_utc;

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
/// The version of the certificate, an optional element with an explicit tag.
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The time after which a DER certificate is not valid, in Unix milliseconds. `None` if it is not a certificate.
pub(crate) fn not_after_ms(der: &[u8]) -> Option<i64> {
    let (certificate, _) = element(der, SEQUENCE)?;
    let (mut rest, _) = element(certificate, SEQUENCE)?;
    if let Some((_, after)) = element(rest, VERSION) {
        rest = after;
    }
    // The serial number, the algorithm of the signature and the issuer precede the validity.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        (_, rest) = element(rest, tag)?;
    }
    let (validity, _) = element(rest, SEQUENCE)?;
    let (_, after_first) = time(validity)?;
    time(after_first).map(|(at_ms, _)| at_ms)
}

/// The content of the first element and the bytes after it, if the element has this tag and is complete.
fn element(der: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        // The length in one to three bytes: the file is shorter than 16 MiB.
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x0f))?;
            (digits.iter().fold(0, |sum, digit| (sum << 8) | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    (*tag == wanted).then_some((content, rest))
}

/// The time in the first element, in Unix milliseconds, and the bytes after it.
fn time(der: &[u8]) -> Option<(i64, &[u8])> {
    if let Some((text, rest)) = element(der, GENERALIZED_TIME) {
        return Some((moment(std::str::from_utf8(text).ok()?)?, rest));
    }
    let (text, rest) = element(der, UTC_TIME)?;
    let text = std::str::from_utf8(text).ok()?;
    // Years of two digits are from 1950 to 2049.
    let century = if text.get(..2)?.parse::<u8>().ok()? < 50 { "20" } else { "19" };
    Some((moment(&format!("{century}{text}"))?, rest))
}

/// A time such as `20261120220747Z`.
fn moment(text: &str) -> Option<i64> {
    let digits = text.strip_suffix('Z')?;
    if digits.len() != 14 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| digits.get(from..to);
    from_utc(&format!(
        "{}-{}-{} {}:{}:{}Z",
        part(0, 4)?,
        part(4, 6)?,
        part(6, 8)?,
        part(8, 10)?,
        part(10, 12)?,
        part(12, 14)?
    ))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn der(year: i32) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["host.example.com".to_owned()]).unwrap();
        params.not_before = date_time_ymd(1990, 1, 1);
        params.not_after = date_time_ymd(year, 11, 20);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn the_date_of_expiry_is_read_in_both_forms() {
        for (year, at) in [
            (1999, "1999-11-20 00:00:00Z"),
            (2026, "2026-11-20 00:00:00Z"),
            (2049, "2049-11-20 00:00:00Z"),
            (2050, "2050-11-20 00:00:00Z"),
            (4096, "4096-11-20 00:00:00Z"),
        ] {
            assert_eq!(not_after_ms(&der(year)), from_utc(at), "{year}");
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_date() {
        let whole = der(2026);
        for bytes in
            [&b""[..], b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\x03\x02\x01", &[0x30; 300]]
        {
            assert_eq!(not_after_ms(bytes), None, "{bytes:?}");
        }
        for end in 0..whole.len() {
            assert_eq!(not_after_ms(&whole[..end]), None, "{end}");
        }
        assert_eq!(moment("2026112022074+Z"), None);
        assert_eq!(moment("20261320220747Z"), None);
        assert_eq!(moment("20261120220747"), None);
    }
}
