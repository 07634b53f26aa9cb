//! The signatures of a message (Standard Webhooks 1.0.0, symmetric).

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::config::Webhook;

/// The value of `webhook-signature`: one signature for each secret, separated by spaces. `seconds` is the time of the
/// attempt. `None` if a key cannot be used.
pub(super) fn signatures(webhook: &Webhook, id: &str, seconds: i64, body: &str) -> Option<String> {
    let one = |key: &[u8]| sign(key, id, seconds, body);
    let all: Option<Vec<String>> = webhook.secrets().map(|secret| one(secret.key())).collect();
    Some(all?.join(" "))
}

fn sign(key: &[u8], id: &str, seconds: i64, body: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    Some(format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the reference libraries of Standard Webhooks.
    #[test]
    fn a_signature_is_that_of_the_reference_libraries() {
        let key = BASE64.decode(b"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let signed = sign(&key, id, 1_614_265_330, "{\"test\": 2432232314}").unwrap();
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
