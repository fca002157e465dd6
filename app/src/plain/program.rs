use umbel_guest::{FieldErrors, token};

use super::document::{document, escape, form, form_errors};
use crate::paths;
use crate::shown::{Scope, TokenAsk};

/// A program asks for a token: what it would be, for whom. With errors there is nothing to agree to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProgramView {
    pub ask: TokenAsk,
    /// The account that gives it.
    pub who: String,
    pub errors: FieldErrors,
}

pub fn program_page(view: &ProgramView, nonce: &str) -> String {
    let ProgramView { ask, who, errors } = view;
    let mut body = form_errors(errors, &[]);
    if errors.is_empty() {
        let scopes = ask.scopes.split(',').filter_map(|word| word.parse::<Scope>().ok());
        let scopes: String = scopes.map(|scope| format!("<li>{}</li>\n", scope.explained())).collect();
        let group = match ask.group.as_str() {
            "" => String::new(),
            group => format!(", with what belongs to the group {} only", escape(group)),
        };
        body.push_str(&format!(
            "<p><strong>{name}</strong> wants to act as {who} for {days} days{group}:</p>\n<ul class=\"points\">\n{scopes}</ul>\n\
             <p>Agree only if you have just started it yourself and it shows the same code: \
             <strong><code>{code}</code></strong></p>\n{form}",
            name = escape(&ask.name),
            who = escape(who),
            days = escape(&ask.days),
            code = escape(&token::code(&ask.id)),
            form = form(paths::PROGRAM, &ask.fields(), "", "Give it a token", "class=\"button primary\""),
        ));
    }
    body.push_str(&format!("<p><a class=\"button\" href=\"{}\">To your account</a></p>\n", paths::ACCOUNT));
    document("A program asks for a token", nonce, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask() -> TokenAsk {
        let [name, scopes, days, group] = ["<b>umbelctl", "read,power", "90", "<Class>"].map(str::to_owned);
        TokenAsk { id: "0a1b2c3d".repeat(8), name, scopes, days, group }
    }

    #[test]
    fn it_says_what_is_asked_for_and_nothing_becomes_markup() {
        let page = program_page(&ProgramView { ask: ask(), who: "ada".into(), ..ProgramView::default() }, "n");
        for part in ["&lt;b&gt;umbelctl", "0A1B-2C3D", "as ada for 90 days", "&lt;Class&gt;", Scope::Power.explained()]
        {
            assert!(page.contains(part), "{part} in {page}");
        }
        assert!(!page.contains("<b>") && !page.contains("<Class>"), "{page}");
    }

    #[test]
    fn what_is_wrong_is_said_and_can_t_be_agreed_to() {
        let errors = FieldErrors::one("days", "A token is good for 1 to 366 days.");
        let page = program_page(&ProgramView { ask: ask(), errors, ..ProgramView::default() }, "n");
        assert!(page.contains("1 to 366") && !page.contains("<form"), "{page}");
    }
}
