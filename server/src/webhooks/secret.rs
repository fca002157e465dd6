//! What signs events: 256 random bits for each webhook, told once, kept sealed.

use ring::hmac;

use crate::hex::hex;

const PREFIX: &str = "umbel_wh_";

/// What the receiver is told when the webhook is made.
pub(super) fn secret(random: [u8; 32]) -> String {
    format!("{PREFIX}{}", hex(&random))
}

/// The header's value: HMAC-SHA256 over the time in seconds, a dot and the body, so that what was sent once can't be
/// sent again later.
pub fn signature(secret: &str, seconds: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{seconds}.{body}").as_bytes());
    format!("t={seconds},v1={}", hex(tag.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Computed with openssl: printf '7.{}' | openssl dgst -sha256 -hmac s
    #[test]
    fn a_signature_is_what_others_compute() {
        assert_eq!(signature("s", 7, "{}"), "t=7,v1=b12cae8f0db9d3d7c47e9b81ab46de84afeb161044a1c6fb23057d023b1e2b55");
    }
}
