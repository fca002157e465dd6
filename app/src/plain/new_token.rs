use super::document::{document, escape};
use crate::paths;
use crate::shown::NewToken;

/// What somebody without scripts is shown once, after a token was made.
pub fn new_token_page(new: &NewToken, nonce: &str) -> String {
    let body = format!(
        "<p>The token <strong>{}</strong>: <code>{}</code></p>\n\
         <p>It is shown only now.</p>\n\
         <p><a class=\"button\" href=\"{}\">Back to your account</a></p>\n",
        escape(&new.name),
        escape(&new.token),
        paths::ACCOUNT
    );
    document("New token", nonce, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_the_token_and_is_text() {
        let page = new_token_page(&NewToken { id: "1".into(), name: "<b>".into(), token: "umbel_1".into() }, "n");
        assert!(page.contains("&lt;b&gt;") && page.contains("<code>umbel_1</code>"), "{page}");
    }
}
