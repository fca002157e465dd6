//! A token's form, as the panel and programs of its owners have to know it.

/// What every token begins with, so that one that lies where it shouldn't is found.
pub const PREFIX: &str = "umbel_";

/// What a program and the page to which it sends its owner both show, so that a person sees that one belongs to the
/// other: `XXXX-XXXX` out of the SHA-256 of the token in hexadecimal. Of anything else, as much as there is.
pub fn code(id: &str) -> String {
    let part = |from| id.chars().skip(from).take(4).collect::<String>().to_ascii_uppercase();
    format!("{}-{}", part(0), part(4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_hash_s_beginning_and_of_no_hash_nothing_breaks() {
        assert_eq!(code("0a1b2c3d4e"), "0A1B-2C3D");
        assert_eq!(code("ä"), "ä-");
    }
}
