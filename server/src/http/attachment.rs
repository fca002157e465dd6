//! An answer that is kept as a file and never shown, whatever it is called and holds.

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};

/// How many bytes it has is said where that is known: then what is cut off never looks whole.
pub(super) fn attachment(kind: &'static str, name: &str, bytes: Option<u64>, body: Body) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_DISPOSITION, disposition(name));
    if let Some(bytes) = bytes {
        headers.insert(CONTENT_LENGTH, bytes.into());
    }
    response
}

/// In ASCII, and where that is not all of it once more as it is (RFC 6266; RFC 8187).
pub(super) fn disposition(name: &str) -> HeaderValue {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
    let ascii: String = name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    let mut text = format!("attachment; filename=\"{ascii}\"");
    if ascii != name {
        let encode = |byte: u8| match char::from(byte) {
            letter if plain(letter) => letter.to_string(),
            _ => format!("%{byte:02X}"),
        };
        text += "; filename*=UTF-8''";
        text.extend(name.bytes().map(encode));
    }
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word_of_a_header_whatever_it_was() {
        let said = |name: &str| disposition(name).to_str().expect("ASCII").to_owned();
        assert_eq!(said("a.log"), "attachment; filename=\"a.log\"");
        assert_eq!(said("ü"), "attachment; filename=\"_\"; filename*=UTF-8''%C3%BC");
        let odd = said("x\"; filename=\"y.html\r\nSet-Cookie: ü");
        assert_eq!(odd.matches('"').count(), 2, "{odd}");
        assert!(odd.is_ascii() && !odd.contains(['\r', '\n']) && odd.ends_with("%3A%20%C3%BC"), "{odd}");
    }
}
