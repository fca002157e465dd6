use umbel_guest::FieldErrors;

use super::document::{Field, announcement, document, form_errors};
use crate::paths;
use crate::shown::AnnouncementShown;

/// Why a new password is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Why {
    #[default]
    Asked,
    /// The present one was given out by an administrator and opens nothing else.
    FirstPassword,
}

/// What changes one's own password: fields `password_old`, `password`, `password_again`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewPasswordView {
    pub why: Why,
    pub errors: FieldErrors,
    pub announcement: Option<AnnouncementShown>,
}

pub fn new_password_page(view: &NewPasswordView, nonce: &str) -> String {
    let mut body = announcement(view.announcement.as_ref());
    body.push_str(match view.why {
        Why::Asked => "<p>Your other sign-ins end when the password changes.</p>\n",
        Why::FirstPassword => "<p>Your first password was given to you. Choose one that only you know.</p>\n",
    });
    body.push_str(&form_errors(&view.errors, &["password_old", "password", "password_again"]));
    body.push_str(&format!("<form method=\"post\" action=\"{}\">\n", paths::NEW_PASSWORD));
    let fields = [
        ("password_old", "Present password", "current-password", ""),
        ("password", "New password", "new-password", "At least 10 characters."),
        ("password_again", "New password again", "new-password", ""),
    ];
    for (i, (name, label, autocomplete, hint)) in fields.into_iter().enumerate() {
        let field = Field { name, label, kind: "password", autocomplete, value: "", hint };
        body.push_str(&field.html(&view.errors, i == 0));
    }
    body.push_str("<button class=\"button primary\" type=\"submit\">Change password</button>\n");
    if view.why == Why::Asked {
        body.push_str(&format!("<a class=\"button\" href=\"{}\">Cancel</a>\n", paths::ACCOUNT));
    }
    body.push_str("</form>\n");
    if view.why == Why::FirstPassword {
        body.push_str(&format!(
            "<form method=\"post\" action=\"{}\"><button class=\"button\" type=\"submit\">Sign out</button></form>\n",
            paths::SIGN_OUT
        ));
    }
    document("New password", nonce, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_password_can_only_be_changed_or_left() {
        let page = new_password_page(&NewPasswordView { why: Why::FirstPassword, ..Default::default() }, "n");
        assert!(page.contains(paths::SIGN_OUT) && !page.contains("Cancel"), "{page}");
        let page = new_password_page(&NewPasswordView::default(), "n");
        assert!(page.contains("Cancel") && !page.contains(paths::SIGN_OUT), "{page}");
    }
}
