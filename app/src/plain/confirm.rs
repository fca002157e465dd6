use umbel_guest::FieldErrors;

use super::document::{Field, document, escape, form_errors};
use crate::paths;

/// By what somebody who is signed in proves once more who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfirmBy {
    Password {
        /// Of the second factor, in the same form.
        code: bool,
        /// What the sign-in provider is called, where that stands for the password too.
        provider: Option<String>,
    },
    /// The account has no password.
    Provider(String),
    /// The provider stood for the password just now.
    Code,
    /// It has no password, and there is no provider any more.
    Nothing,
}

/// Asks for it: fields `password`, `code`, `next`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfirmView {
    pub by: ConfirmBy,
    /// Where to go afterwards; made safe by [`paths::safe_next`] here too.
    pub next: String,
    pub errors: FieldErrors,
}

pub fn confirm_page(view: &ConfirmView, nonce: &str) -> String {
    let (fields, provider) = match &view.by {
        ConfirmBy::Password { code: false, provider } => (vec![Field::PASSWORD], provider.as_deref()),
        ConfirmBy::Password { code: true, provider } => (vec![Field::PASSWORD, Field::CODE], provider.as_deref()),
        ConfirmBy::Provider(provider) => (vec![], Some(provider.as_str())),
        ConfirmBy::Code => (vec![Field::CODE], None),
        ConfirmBy::Nothing => (vec![], None),
    };
    let next = paths::safe_next(&view.next);
    let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
    let mut body = String::from(
        "<p>What you want to do asks once more who you are. For 15 minutes it does not ask again in this browser.</p>\n",
    );
    body.push_str(&form_errors(&view.errors, &names));
    if !fields.is_empty() {
        body.push_str(&format!("<form method=\"post\" action=\"{}\">\n", paths::CONFIRM));
        for (i, field) in fields.iter().enumerate() {
            body.push_str(&field.html(&view.errors, i == 0));
        }
        body.push_str(&format!(
            "<input type=\"hidden\" name=\"next\" value=\"{}\">\n\
             <button class=\"button primary\" type=\"submit\">Confirm</button>\n</form>\n",
            escape(next)
        ));
    }
    if let Some(provider) = provider {
        let to = paths::asking(paths::CONFIRM_PROVIDER, &[("next", next)]);
        let (to, provider) = (escape(&to), escape(provider));
        body.push_str(&format!("<p><a class=\"button\" href=\"{to}\">Confirm with {provider}</a></p>\n"));
    }
    if view.by == ConfirmBy::Nothing {
        body.push_str("<p>Your account has no password. An administrator who resets it gives you one.</p>\n");
    }
    body.push_str(&format!("<p><a class=\"button\" href=\"{}\">Back</a></p>\n", escape(next)));
    document("Confirm that it is you", nonce, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(by: ConfirmBy) -> String {
        confirm_page(&ConfirmView { by, next: "/people?a=\"b".into(), errors: FieldErrors::default() }, "n")
    }

    #[test]
    fn it_asks_for_what_a_sign_in_takes() {
        let asks = |by| {
            let page = page(by);
            ["name=\"password\"", "name=\"code\"", "Confirm with &lt;School&gt;"].map(|what| page.contains(what))
        };
        let school = || "<School>".to_owned();
        assert_eq!(asks(ConfirmBy::Password { code: false, provider: None }), [true, false, false]);
        assert_eq!(asks(ConfirmBy::Password { code: true, provider: Some(school()) }), [true, true, true]);
        assert_eq!(asks(ConfirmBy::Provider(school())), [false, false, true]);
        assert_eq!(asks(ConfirmBy::Code), [false, true, false]);
        assert!(page(ConfirmBy::Nothing).contains("An administrator"));
    }

    #[test]
    fn it_leads_back_and_nowhere_else() {
        let shown = page(ConfirmBy::Code);
        assert!(shown.contains("value=\"/people?a=&quot;b\"") && !shown.contains("wasm"), "{shown}");
        let next = "//evil.example".to_owned();
        let view = ConfirmView { by: ConfirmBy::Provider("School".into()), next, errors: FieldErrors::default() };
        assert!(!confirm_page(&view, "n").contains("evil"));
    }
}
