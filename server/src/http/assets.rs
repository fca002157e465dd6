//! The built site: style, scripts, fonts and wasm, embedded so that the panel needs no file of the
//! checkout once it runs. Every file has an ETag of its content and is asked for again by it; names
//! don't change from build to build.

use axum::body::Body;
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use axum::response::IntoResponse;
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "$UMBEL_SITE"]
struct Site;

/// A file of the site, or `None` where there is none of that name.
pub fn serve(method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<Response<Body>> {
    if method != Method::GET && method != Method::HEAD {
        return None;
    }
    let name = uri.path().trim_start_matches('/');
    if name.is_empty() || name.ends_with(".br") {
        return None;
    }
    let plain = Site::get(name)?;
    let brotli = accepts_brotli(headers).then(|| Site::get(&format!("{name}.br"))).flatten();
    let encoding = brotli.is_some().then_some("br");
    Some(answer(name, &brotli.unwrap_or(plain), encoding, headers))
}

/// Whether anything has been embedded: a panel built without its site says so instead of looking broken.
pub fn is_built() -> bool {
    Site::get("style.css").is_some()
}

fn answer(name: &str, file: &EmbeddedFile, encoding: Option<&'static str>, asked: &HeaderMap) -> Response<Body> {
    let hash: String = file.metadata.sha256_hash().iter().take(12).map(|b| format!("{b:02x}")).collect();
    let etag = format!("\"{hash}\"");
    let fresh = asked.get(IF_NONE_MATCH).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains(&etag));
    let mut response = if fresh {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(file.data.clone().into_owned()).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(name)));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(ETAG, etag);
    }
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

fn accepts_brotli(headers: &HeaderMap) -> bool {
    headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .map(|v| v.split(';').collect::<Vec<_>>())
        .any(|parts| parts[0].trim() == "br" && !parts.iter().skip(1).any(|q| q.trim() == "q=0"))
}

/// The site holds only these kinds.
fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("css") => "text/css; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("json") => "application/json",
        Some("png") => "image/png",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(encoding: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(encoding))])
    }

    #[test]
    fn brotli_is_sent_to_those_who_take_it() {
        assert!(accepts_brotli(&headers("gzip, deflate, br")));
        assert!(accepts_brotli(&headers("br;q=0.5")));
        assert!(!accepts_brotli(&headers("gzip, br;q=0")));
        assert!(!accepts_brotli(&HeaderMap::new()));
    }

    #[test]
    fn nothing_outside_the_site_is_served() {
        for path in ["/", "/../Cargo.toml", "/..%2fCargo.toml", "//etc/passwd", "/style.css/..", "/none"] {
            let uri: Uri = path.parse().expect("a path");
            assert!(serve(&Method::GET, &uri, &HeaderMap::new()).is_none(), "{path}");
        }
    }
}
