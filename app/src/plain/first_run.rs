use umbel_guest::FieldErrors;

use super::document::{Field, document, escape, form_errors};
use crate::paths;

/// What makes the first administrator: fields `token`, `name`, `password`, `password_again`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FirstRunView {
    /// The one-time token of the link that was printed at the start.
    pub token: String,
    pub name: String,
    pub errors: FieldErrors,
}

pub fn first_run_page(view: &FirstRunView, nonce: &str) -> String {
    let mut body = String::from("<p>This panel has no account yet. The first one is its administrator.</p>\n");
    body.push_str(&form_errors(&view.errors, &["name", "password", "password_again"]));
    body.push_str(&format!(
        "<form method=\"post\" action=\"{}\">\n<input type=\"hidden\" name=\"token\" value=\"{}\">\n",
        paths::FIRST_RUN,
        escape(&view.token)
    ));
    for (i, field) in Field::new_account(&view.name).iter().enumerate() {
        body.push_str(&field.html(&view.errors, i == 0));
    }
    body.push_str("<button class=\"button primary\" type=\"submit\">Create administrator</button>\n</form>\n");
    document("First administrator", nonce, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_goes_along_and_errors_stand_by_their_fields() {
        let view = FirstRunView {
            token: "t\"k".into(),
            name: "ada".into(),
            errors: FieldErrors::one("password_again", "The two differ."),
        };
        let page = first_run_page(&view, "n");
        assert!(page.contains("name=\"token\" value=\"t&quot;k\""), "{page}");
        assert!(page.contains("id=\"password_again-error\">The two differ."), "{page}");
    }
}
