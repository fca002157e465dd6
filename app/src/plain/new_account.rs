use umbel_guest::FieldErrors;

use super::document::{Field, document, escape, form_errors};

/// By which whoever has a link makes an account: fields `token`, `name`, `password`, `password_again`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewAccountView {
    /// What the link holds; empty where there is none.
    pub token: String,
    pub name: String,
    pub errors: FieldErrors,
}

/// What such a page says, and where its form goes.
pub(super) struct Words {
    pub(super) title: &'static str,
    pub(super) intro: &'static str,
    pub(super) action: &'static str,
    pub(super) button: &'static str,
}

pub(super) fn new_account_page(view: &NewAccountView, nonce: &str, words: &Words) -> String {
    let Words { title, intro, action, button } = words;
    let mut body = format!("<p>{intro}</p>\n");
    body.push_str(&form_errors(&view.errors, &["name", "password", "password_again"]));
    body.push_str(&format!("<form method=\"post\" action=\"{action}\">\n",));
    if !view.token.is_empty() {
        let token = escape(&view.token);
        body.push_str(&format!("<input type=\"hidden\" name=\"token\" value=\"{token}\">\n"));
    }
    for (i, field) in Field::new_account(&view.name).iter().enumerate() {
        body.push_str(&field.html(&view.errors, i == 0));
    }
    body.push_str(&format!("<button class=\"button primary\" type=\"submit\">{button}</button>\n</form>\n"));
    document(title, nonce, &body)
}
