use umbel_guest::FieldErrors;

use super::document::{Field, document, escape, form_errors, step_form};
use crate::paths;

/// How one's own account stands with the sign-in provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OidcStage {
    /// This panel has none.
    NoProvider,
    Unlinked,
    /// The password was right; the address is the provider's.
    Go(String),
    Linked {
        issuer: String,
        can_go: bool,
    },
}

/// One's own link: fields `step` (`link`, `unlink`) and `password_old`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcView {
    /// What the provider is called.
    pub label: String,
    pub stage: OidcStage,
    pub errors: FieldErrors,
}

pub fn oidc_page(view: &OidcView, nonce: &str) -> String {
    let mut body = form_errors(&view.errors, &["password_old"]);
    let label = escape(&view.label);
    match &view.stage {
        OidcStage::NoProvider => {
            body.push_str("<p>This panel has no sign-in provider. An administrator sets one.</p>\n")
        }
        OidcStage::Unlinked => {
            body.push_str(&format!("<p>Once it is linked, {label} signs you in here without your password.</p>\n"));
            let field = Field { name: "password_old", label: "Your password here", ..Field::PASSWORD };
            body.push_str(&form("link", &field.html(&view.errors, true), "Link", "class=\"button primary\""));
        }
        OidcStage::Go(url) => body.push_str(&format!(
            "<p>Now show {label} who you are. It sends you back here.</p>\n\
             <p><a class=\"button primary\" href=\"{}\">Go on to {label}</a></p>\n",
            escape(url)
        )),
        OidcStage::Linked { issuer, can_go } => {
            body.push_str(&format!("<p>Your account is linked: {} signs you in here.</p>\n", escape(issuer)));
            if *can_go {
                body.push_str(&form("unlink", "", "Remove the link", "class=\"button danger\""));
            } else {
                body.push_str(
                    "<p class=\"hint\">It was opened by that and has no password. An administrator who resets the \
                     password gives you one and ends the link.</p>\n",
                );
            }
        }
    }
    body.push_str(&format!("<p><a class=\"button\" href=\"{}\">Back to your account</a></p>\n", paths::ACCOUNT));
    document("Sign-in provider", nonce, &body)
}

fn form(step: &str, fields: &str, words: &str, look: &str) -> String {
    step_form(paths::OIDC, step, fields, words, look)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(stage: OidcStage) -> String {
        oidc_page(&OidcView { label: "<School>".into(), stage, errors: FieldErrors::default() }, "n")
    }

    #[test]
    fn each_stage_offers_what_comes_next_and_nothing_becomes_markup() {
        assert!(page(OidcStage::NoProvider).contains("An administrator sets one"));
        assert!(page(OidcStage::Unlinked).contains("name=\"password_old\""));
        assert!(
            page(OidcStage::Go("https://id.example/?a=\"b".into())).contains("href=\"https://id.example/?a=&quot;b\"")
        );
        let linked = |can_go| page(OidcStage::Linked { issuer: "https://id.example".into(), can_go });
        assert!(linked(true).contains("value=\"unlink\"") && !linked(false).contains("value=\"unlink\""));
        assert!(!page(OidcStage::Unlinked).contains("<School>"));
    }
}
