//! Codes of a second factor, pure: which step of time a code belongs to (RFC 6238), and what recovery codes
//! look like.

use rand::Rng as _;
use subtle::ConstantTimeEq as _;
use totp_rs::{Algorithm, TOTP};

use crate::clock::SECOND;
use crate::hex::sha256_hex;

/// What every authenticator app takes for granted.
const DIGITS: usize = 6;
const STEP_S: u64 = 30;
/// Steps before and after now whose codes are good too: clocks differ, and people type.
const SKEW: u64 = 1;
/// Bytes of a secret (RFC 4226, section 4: 160 bits are recommended).
const SECRET: usize = 20;

/// Recovery codes that one gets.
const RECOVERY: usize = 10;
/// Characters of one: 80 bits, so a plain hash keeps it.
const RECOVERY_LEN: usize = 16;
/// Without 0, 1, 8 and 9, which look like letters (RFC 4648, section 6).
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// What is shared with somebody's telephone.
#[derive(Clone)]
pub struct Secret(TOTP);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    pub fn random() -> Self {
        Self(totp(rand::rng().random::<[u8; SECRET]>().to_vec()))
    }

    /// None where that can't be one.
    pub fn of(bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() == SECRET).then(|| Self(totp(bytes)))
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0.secret
    }

    /// In base32, as people type it.
    pub fn text(&self) -> String {
        self.0.get_secret_base32()
    }

    /// What a QR code of it says (the Key URI Format that authenticator apps read). Names of accounts need no escaping.
    pub fn uri(&self, account: &str) -> String {
        format!("otpauth://totp/Umbel:{account}?secret={}&issuer=Umbel", self.text())
    }

    /// The step whose code that is, among those that are good at `now`.
    pub fn step_of(&self, code: &str, now: i64) -> Option<i64> {
        let present = u64::try_from(now / SECOND).unwrap_or(0) / STEP_S;
        let mut found = None;
        // All of them, so that the time it takes tells nothing.
        for step in present.saturating_sub(SKEW)..=present + SKEW {
            if self.0.generate(step * STEP_S).as_bytes().ct_eq(code.as_bytes()).into() {
                found = i64::try_from(step).ok();
            }
        }
        found
    }

    /// The code at a moment, as the telephone shows it.
    pub fn code_at(&self, now: i64) -> String {
        self.0.generate(u64::try_from(now / SECOND).unwrap_or(0))
    }
}

fn totp(secret: Vec<u8>) -> TOTP {
    TOTP::new_unchecked(Algorithm::SHA1, DIGITS, 1, STEP_S, secret)
}

/// What somebody typed where a code is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    Totp(String),
    /// As its hash.
    Recovery(String),
    Neither,
}

impl Typed {
    /// Blanks and hyphens are how people read them, capitals how telephones type them.
    pub fn read(text: &str) -> Self {
        let most = 2 * RECOVERY_LEN + RECOVERY_LEN;
        let code: String = text.chars().take(most).filter(|c| !c.is_whitespace() && *c != '-').collect();
        let code = code.to_ascii_lowercase();
        if code.len() == DIGITS && code.bytes().all(|byte| byte.is_ascii_digit()) {
            Self::Totp(code)
        } else if code.len() == RECOVERY_LEN && code.bytes().all(|byte| LETTERS.contains(&byte)) {
            Self::Recovery(sha256_hex(code.as_bytes()))
        } else {
            Self::Neither
        }
    }
}

/// Recovery codes as they are shown this once, and the hashes that are kept.
pub fn recovery_codes() -> (Vec<String>, Vec<String>) {
    let code = || -> String {
        let bytes = rand::rng().random::<[u8; RECOVERY_LEN]>();
        bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte & 31)])).collect()
    };
    let codes: Vec<String> = (0..RECOVERY).map(|_| code()).collect();
    let hashes = codes.iter().map(|code| sha256_hex(code.as_bytes())).collect();
    let shown = codes.iter().map(|code| format!("{}-{}-{}-{}", &code[..4], &code[4..8], &code[8..12], &code[12..]));
    (shown.collect(), hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, the last six digits of what stands there for SHA-1.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = Secret::of(b"12345678901234567890".to_vec()).expect("20 bytes");
        for (second, code) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
            assert_eq!(secret.code_at(second * SECOND), code);
            assert_eq!(secret.step_of(code, second * SECOND), Some(second / 30));
        }
    }

    #[test]
    fn a_code_is_good_a_step_before_and_after_its_own() {
        let secret = Secret::random();
        let (at, step) = (1_700_000_010 * SECOND, 1_700_000_010 / 30);
        let code = secret.code_at(at);
        for (later, good) in [(-60, false), (-30, true), (0, true), (30, true), (60, false)] {
            let found = secret.step_of(&code, at + later * SECOND);
            assert!(found == good.then_some(step) || found.is_some_and(|found| found != step), "{later}: {found:?}");
        }
    }

    #[test]
    fn codes_are_read_as_people_type_them() {
        assert_eq!(Typed::read(" 123 456 "), Typed::Totp("123456".into()));
        let (shown, hashes) = recovery_codes();
        assert_eq!((shown.len(), hashes.len(), shown[0].len()), (10, 10, 19));
        for typed in [shown[3].clone(), shown[3].replace('-', ""), shown[3].to_uppercase()] {
            assert_eq!(Typed::read(&typed), Typed::Recovery(hashes[3].clone()));
        }
        for neither in ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", &"a".repeat(100_000)] {
            assert_eq!(Typed::read(neither), Typed::Neither, "{neither:.20}");
        }
    }
}
