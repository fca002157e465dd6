use super::document::{document, escape};
use crate::paths;
use crate::shown::ImportShown;

/// What an administrator is shown once after many accounts were made, to be printed; or, where they were only
/// checked, what would be made.
pub fn imported_page(done: &ImportShown, nonce: &str) -> String {
    let made = done.accounts.iter().any(|account| account.password.is_some());
    let mut body = String::from(if made {
        "<p>First passwords, shown only now. Each has to be changed at the first sign-in.</p>\n"
    } else {
        "<p>All lines are right; nothing was made.</p>\n"
    });
    body.push_str("<table class=\"table\">\n<thead><tr><th>Name</th><th>Role</th><th>Group</th><th>First password</th></tr></thead>\n<tbody>\n");
    for account in &done.accounts {
        let group = account.group.as_ref().map(|group| escape(group.as_str())).unwrap_or_default();
        let password = account.password.as_deref().map(escape).unwrap_or_default();
        body.push_str(&format!(
            "<tr><td>{}</td><td>{}</td><td>{group}</td><td><code>{password}</code></td></tr>\n",
            escape(&account.name),
            account.role.word()
        ));
    }
    body.push_str(&format!(
        "</tbody>\n</table>\n<p><a class=\"button\" href=\"{}\">Back to people</a></p>\n",
        paths::PEOPLE
    ));
    document(if made { "First passwords" } else { "New accounts" }, nonce, &body)
}

#[cfg(test)]
mod tests {
    use umbel_guest::Role;

    use super::*;
    use crate::shown::ImportedShown;

    #[test]
    fn it_is_text() {
        let account = |password| ImportedShown { name: "<b>".into(), role: Role::User, group: None, password };
        let page = imported_page(&ImportShown { accounts: vec![account(Some("a&b".into()))] }, "n");
        assert!(
            page.contains("&lt;b&gt;") && page.contains("<code>a&amp;b</code>") && page.contains("only now"),
            "{page}"
        );
        assert!(imported_page(&ImportShown { accounts: vec![account(None)] }, "n").contains("nothing was made"));
    }
}
