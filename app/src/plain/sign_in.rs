use leptos_router::params::ParamsMap;
use umbel_guest::FieldErrors;

use super::document::{Field, announcement, document, escape, form_errors};
use crate::paths;
use crate::shown::AnnouncementShown;

/// What the sign-in page shows: fields `name`, `password`, `next`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignInView {
    pub name: String,
    /// Where to go afterwards; made safe by [`paths::safe_next`] here too.
    pub next: String,
    /// A sentence above the form, for example that one has been signed out.
    pub notice: Option<String>,
    pub errors: FieldErrors,
    pub announcement: Option<AnnouncementShown>,
    /// What the sign-in provider is called, where there is one.
    pub provider: Option<String>,
    /// Whether people make accounts of their own.
    pub may_register: bool,
}

pub fn sign_in_page(view: &SignInView, nonce: &str) -> String {
    let mut body = announcement(view.announcement.as_ref());
    if let Some(notice) = &view.notice {
        body.push_str(&format!("<p class=\"notice\" role=\"status\">{}</p>\n", escape(notice)));
    }
    body.push_str(&form_errors(&view.errors, &["name", "password"]));
    body.push_str(&format!("<form method=\"post\" action=\"{}\">\n", paths::SIGN_IN));
    body.push_str(
        &Field { name: "name", label: "Name", kind: "text", autocomplete: "username", value: &view.name, hint: "" }
            .html(&view.errors, view.name.is_empty()),
    );
    body.push_str(&Field::PASSWORD.html(&view.errors, !view.name.is_empty()));
    body.push_str(&format!(
        "<input type=\"hidden\" name=\"next\" value=\"{}\">\n<button class=\"button primary\" type=\"submit\">Sign in</button>\n</form>\n",
        escape(paths::safe_next(&view.next))
    ));
    if let Some(provider) = &view.provider {
        let mut next = ParamsMap::new();
        next.insert("next", paths::safe_next(&view.next).to_owned());
        let to = format!("{}{}", paths::OIDC_BEGIN, next.to_query_string());
        body.push_str(&format!(
            "<p><a class=\"button\" href=\"{}\">Sign in with {}</a></p>\n",
            escape(&to),
            escape(provider)
        ));
    }
    if view.may_register {
        body.push_str(&format!("<p><a href=\"{}\">Make an account</a></p>\n", paths::REGISTER));
    }
    document("Sign in", nonce, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_kept_but_harmless() {
        let view = SignInView {
            name: "<script>alert(1)</script>".into(),
            next: "/guests?q=\"x".into(),
            notice: None,
            errors: FieldErrors::one("form", "Name or password is wrong."),
            announcement: None,
            provider: None,
            may_register: false,
        };
        let page = sign_in_page(&view, "abc");
        assert!(!page.contains("<script>alert"), "{page}");
        assert!(page.contains("value=\"&lt;script&gt;alert(1)"), "{page}");
        assert!(page.contains("Name or password is wrong."));
        assert!(page.contains("value=\"/guests?q=&quot;x\""), "{page}");
        assert!(page.contains("nonce=\"abc\""));
    }

    #[test]
    fn nobody_is_led_elsewhere() {
        let view = SignInView { next: "//evil.example".into(), ..SignInView::default() };
        assert!(!sign_in_page(&view, "n").contains("evil"));
    }

    #[test]
    fn a_provider_is_another_way_in_and_keeps_the_way() {
        let view =
            SignInView { provider: Some("<School>".into()), next: "/guests?a=b".into(), ..SignInView::default() };
        let page = sign_in_page(&view, "n");
        assert!(page.contains("Sign in with &lt;School&gt;"), "{page}");
        assert!(page.contains("href=\"/sign-in/provider?next="), "{page}");
        assert!(!sign_in_page(&SignInView::default(), "n").contains(paths::OIDC_BEGIN));
    }

    #[test]
    fn an_account_is_made_from_here_where_that_is_open() {
        let open = SignInView { may_register: true, ..SignInView::default() };
        assert!(sign_in_page(&open, "n").contains("href=\"/register\">Make an account"));
        assert!(!sign_in_page(&SignInView::default(), "n").contains(paths::REGISTER));
    }

    #[test]
    fn it_brings_no_wasm() {
        let page = sign_in_page(&SignInView::default(), "n");
        assert!(!page.contains("/pkg/") && !page.contains("wasm"), "{page}");
    }
}
