use super::new_account::{NewAccountView, Words, new_account_page};
use crate::paths;

/// By which people make accounts of their own; where `waits`, an administrator lets them in.
pub fn register_page(view: &NewAccountView, waits: bool, nonce: &str) -> String {
    let intro = if waits {
        "Choose a name and a password for your account. An administrator approves it before it lets you in."
    } else {
        "Choose a name and a password for your account."
    };
    let words = Words { title: "Make an account", intro, action: paths::REGISTER, button: "Create account" };
    new_account_page(view, nonce, &words)
}

#[cfg(test)]
mod tests {
    use umbel_guest::FieldErrors;

    use super::*;

    #[test]
    fn it_says_what_waits_and_keeps_what_was_typed_harmless() {
        let view = NewAccountView {
            name: "<b>".into(),
            errors: FieldErrors::one("name", "There is an account ada already."),
            ..NewAccountView::default()
        };
        let page = register_page(&view, true, "n");
        assert!(page.contains("action=\"/register\"") && page.contains("approves it"), "{page}");
        assert!(page.contains("id=\"name-error\">There is an account ada already."), "{page}");
        assert!(page.contains("value=\"&lt;b&gt;\"") && !page.contains("name=\"token\""), "{page}");
        assert!(!register_page(&view, false, "n").contains("approves it"));
    }
}
