use umbel_guest::FieldErrors;

use super::document::{Field, document, escape, form_errors};
use crate::paths;
use crate::shown::NewInvitation;

/// By which whoever was invited makes an account: fields `token`, `name`, `password`, `password_again`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InvitationView {
    pub token: String,
    pub name: String,
    pub errors: FieldErrors,
}

pub fn invitation_page(view: &InvitationView, nonce: &str) -> String {
    let mut body = String::from("<p>You were invited. Choose a name and a password for your account.</p>\n");
    body.push_str(&form_errors(&view.errors, &["name", "password", "password_again"]));
    body.push_str(&format!(
        "<form method=\"post\" action=\"{}\">\n<input type=\"hidden\" name=\"token\" value=\"{}\">\n",
        paths::INVITATION,
        escape(&view.token)
    ));
    for (i, field) in Field::new_account(&view.name).iter().enumerate() {
        body.push_str(&field.html(&view.errors, i == 0));
    }
    body.push_str("<button class=\"button primary\" type=\"submit\">Create account</button>\n</form>\n");
    document("Invitation", nonce, &body)
}

/// What somebody without scripts is shown once, after an invitation was made.
pub fn new_invitation_page(new: &NewInvitation, nonce: &str) -> String {
    let body = format!(
        "<p>The link: <code>{}</code></p>\n\
         <p>It is shown only now. Whoever has it comes in.</p>\n\
         <p><a class=\"button\" href=\"{}\">Back to invitations</a></p>\n",
        escape(&new.link),
        paths::INVITATIONS
    );
    document("New invitation", nonce, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_goes_along_and_errors_stand_by_their_fields() {
        let view = InvitationView {
            token: "t\"k".into(),
            name: "<b>".into(),
            errors: FieldErrors::one("name", "There is an account ada already."),
        };
        let page = invitation_page(&view, "n");
        assert!(page.contains("name=\"token\" value=\"t&quot;k\"") && page.contains("value=\"&lt;b&gt;\""), "{page}");
        assert!(page.contains("id=\"name-error\">There is an account ada already."), "{page}");
    }
}
