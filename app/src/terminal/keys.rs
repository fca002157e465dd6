//! Keys that a phone's keyboard lacks.

/// Label, what is typed, in words.
pub(super) const KEYS: [(&str, &str, &str); 10] = [
    ("Esc", "\x1b", "Escape"),
    ("Tab", "\t", "Tab"),
    ("↑", "\x1b[A", "Up"),
    ("↓", "\x1b[B", "Down"),
    ("←", "\x1b[D", "Left"),
    ("→", "\x1b[C", "Right"),
    ("|", "|", "Bar"),
    ("/", "/", "Slash"),
    ("~", "~", "Tilde"),
    ("-", "-", "Dash"),
];

/// What a key is together with Ctrl (ECMA-48: columns 4 and 5 of the code table, less 64); nothing for
/// a key that has no such meaning.
#[cfg_attr(not(any(feature = "hydrate", test)), expect(dead_code, reason = "only a browser has keys"))]
pub(super) fn with_control(typed: &str) -> Option<u8> {
    match typed.as_bytes() {
        [b' '] => Some(0),
        [b'?'] => Some(0x7f),
        [key] if (b'@'..=b'_').contains(&key.to_ascii_uppercase()) => Some(key.to_ascii_uppercase() - b'@'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::with_control;

    #[test]
    fn control_and_a_letter_are_one_byte() {
        assert_eq!(with_control("c"), Some(3));
        assert_eq!(with_control("D"), Some(4));
        assert_eq!(with_control("["), Some(0x1b));
        assert_eq!(with_control(" "), Some(0));
        for other in ["", "1", "ab", "ä", "\x1b[A"] {
            assert_eq!(with_control(other), None, "{other:?}");
        }
    }
}
