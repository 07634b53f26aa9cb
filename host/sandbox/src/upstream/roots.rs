//! When the certificate authorities that an upstream trusts expire.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::client_certificate::expiry::not_after_ms;

/// When the last certificate of a PEM file expires, in Unix milliseconds. `None` if the file has no certificate.
///
/// During a change of authorities, a file has the certificates of both, so the last one counts.
pub fn last_expiry_ms(pem: &[u8]) -> Option<i64> {
    let certificates = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok);
    certificates.filter_map(|one| not_after_ms(&one)).max()
}

#[cfg(test)]
mod tests {
    use deed_record::timeline::from_utc;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn pem(year: i32) -> String {
        let mut params = CertificateParams::new(vec!["root.example.com".to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 11, 20);
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let base64 = data_encoding::BASE64.encode(made.der());
        format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n")
    }

    #[test]
    fn the_last_authority_of_a_file_counts() {
        let file = format!("{}{}{}", pem(2030), pem(2040), pem(2020));
        assert_eq!(last_expiry_ms(file.as_bytes()), from_utc("2040-11-20 00:00:00Z"));
    }

    #[test]
    fn a_file_without_a_certificate_does_not_expire() {
        assert_eq!(last_expiry_ms(b""), None);
        assert_eq!(last_expiry_ms(b"no certificate"), None);
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(last_expiry_ms(broken.as_bytes()), None);
    }
}
