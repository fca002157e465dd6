use super::new_account::{NewAccountView, Words, new_account_page};
use crate::paths;

/// What makes the first administrator, with the token of the link that was printed at the start.
pub fn first_run_page(view: &NewAccountView, nonce: &str) -> String {
    let words = Words {
        title: "First administrator",
        intro: "This panel has no account yet. The first one is its administrator.",
        action: paths::FIRST_RUN,
        button: "Create administrator",
    };
    new_account_page(view, nonce, &words)
}

#[cfg(test)]
mod tests {
    use umbel_guest::FieldErrors;

    use super::*;

    #[test]
    fn the_token_goes_along_and_errors_stand_by_their_fields() {
        let view = NewAccountView {
            token: "t\"k".into(),
            name: "ada".into(),
            errors: FieldErrors::one("password_again", "The two differ."),
        };
        let page = first_run_page(&view, "n");
        assert!(page.contains("name=\"token\" value=\"t&quot;k\""), "{page}");
        assert!(page.contains("id=\"password_again-error\">The two differ."), "{page}");
    }
}
