use super::document::{document, escape};
use super::new_account::{NewAccountView, Words, new_account_page};
use crate::paths;
use crate::shown::NewInvitation;

/// By which whoever was invited makes an account.
pub fn invitation_page(view: &NewAccountView, nonce: &str) -> String {
    let words = Words {
        title: "Invitation",
        intro: "You were invited. Choose a name and a password for your account.",
        action: paths::INVITATION,
        button: "Create account",
    };
    new_account_page(view, nonce, &words)
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
    use umbel_guest::FieldErrors;

    use super::*;

    #[test]
    fn the_token_goes_along_and_errors_stand_by_their_fields() {
        let view = NewAccountView {
            token: "t\"k".into(),
            name: "<b>".into(),
            errors: FieldErrors::one("name", "There is an account ada already."),
        };
        let page = invitation_page(&view, "n");
        assert!(page.contains("name=\"token\" value=\"t&quot;k\"") && page.contains("value=\"&lt;b&gt;\""), "{page}");
        assert!(page.contains("id=\"name-error\">There is an account ada already."), "{page}");
    }
}
