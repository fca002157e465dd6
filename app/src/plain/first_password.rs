use super::document::{document, escape};
use crate::paths;
use crate::shown::FirstPassword;

/// What an administrator without scripts is shown once, after an account was made or its password reset.
pub fn first_password_page(first: &FirstPassword, nonce: &str) -> String {
    let body = format!(
        "<p>First password of <strong>{}</strong>: <code>{}</code></p>\n\
         <p>It is shown only now, and has to be changed at the first sign-in.</p>\n\
         <p><a class=\"button\" href=\"{}\">Back to people</a></p>\n",
        escape(&first.name),
        escape(&first.password),
        paths::PEOPLE
    );
    document("First password", nonce, &body)
}

#[cfg(test)]
mod tests {
    use umbel_guest::AccountId;

    use super::*;

    #[test]
    fn it_names_whose_it_is_and_is_text() {
        let account: AccountId = "0190a000-0000-7000-8000-000000000001".parse().expect("an id");
        let page = first_password_page(&FirstPassword { account, name: "<b>".into(), password: "a&b".into() }, "n");
        assert!(page.contains("&lt;b&gt;") && page.contains("<code>a&amp;b</code>"), "{page}");
    }
}
