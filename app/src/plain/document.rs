//! The frame of a plain page, and fields of its form.

use std::fmt::Write as _;

use umbel_guest::FieldErrors;

use crate::paths;
use crate::shown::AnnouncementShown;

/// Text as HTML, safe in an element and in a double-quoted attribute.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A whole document around `body`, which is HTML already.
pub(super) fn document(title: &str, nonce: &str, body: &str) -> String {
    let title = escape(title);
    let main = format!("<main class=\"plain-card\">\n<p class=\"brand\">Umbel</p>\n<h1>{title}</h1>\n{body}\n</main>");
    frame(&title, nonce, &main)
}

/// The same for a page that is read: as wide as there is room, and with a way into the panel.
pub(super) fn wide_document(title: &str, nonce: &str, body: &str) -> String {
    let title = escape(title);
    let brand = format!("<p class=\"brand\"><a href=\"{}\">Umbel</a></p>", paths::OVERVIEW);
    let main = format!("<main class=\"plain-wide\">\n{brand}\n<h1>{title}</h1>\n{body}\n</main>");
    frame(&title, nonce, &main)
}

/// `title` and `main` are HTML already.
fn frame(title: &str, nonce: &str, main: &str) -> String {
    let nonce = escape(nonce);
    format!(
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<meta name="color-scheme" content="light dark">
<title>{title} · Umbel</title>
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
<script src="/theme.js" nonce="{nonce}"></script>
<link rel="stylesheet" href="/style.css">
<script src="/pages.js" nonce="{nonce}" defer></script>
</head>
<body class="plain">
{main}
</body>
</html>
"#
    )
}

/// What everybody is told, above a form.
pub(super) fn announcement(said: Option<&AnnouncementShown>) -> String {
    let Some(AnnouncementShown { text, level, .. }) = said else { return String::new() };
    let (class, title) = (level.class(), level.title());
    format!("<p class={class:?} role=\"status\"><strong>{title}</strong>: {}</p>\n", escape(text))
}

/// A form with one button. What is sent unseen is escaped here; `fields` and `look` are HTML already.
pub(super) fn form(action: &str, unseen: &[(&str, &str)], fields: &str, words: &str, look: &str) -> String {
    let unseen: String = unseen
        .iter()
        .map(|(name, value)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">\n", escape(value)))
        .collect();
    format!(
        "<form method=\"post\" action=\"{action}\">\n{unseen}{fields}\
         <button {look} type=\"submit\">{words}</button>\n</form>\n"
    )
}

/// One of a page that has several: `step` says which was sent.
pub(super) fn step_form(action: &str, step: &str, fields: &str, words: &str, look: &str) -> String {
    form(action, &[("step", step)], fields, words, look)
}

/// One field of a form.
pub(super) struct Field<'a> {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    /// `text` or `password`.
    pub(super) kind: &'static str,
    /// What a password manager should fill in (HTML, 4.10.18.7.1).
    pub(super) autocomplete: &'static str,
    pub(super) value: &'a str,
    pub(super) hint: &'static str,
}

impl Field<'static> {
    /// Of somebody who has an account.
    pub(super) const PASSWORD: Self = Field {
        name: "password",
        label: "Password",
        kind: "password",
        autocomplete: "current-password",
        value: "",
        hint: "",
    };

    /// Of a second factor that is on.
    pub(super) const CODE: Self = Field {
        name: "code",
        label: "Code",
        kind: "text",
        autocomplete: "one-time-code",
        value: "",
        hint: "Six digits out of your app, or one of your recovery codes.",
    };
}

impl<'a> Field<'a> {
    /// Name and password of somebody who has no account yet.
    pub(super) fn new_account(name: &'a str) -> [Self; 3] {
        [
            Field {
                name: "name",
                label: "Name",
                kind: "text",
                autocomplete: "username",
                value: name,
                hint: "2 to 32 of a–z, 0–9, -, _ and the dot.",
            },
            Field {
                name: "password",
                label: "Password",
                kind: "password",
                autocomplete: "new-password",
                value: "",
                hint: "At least 10 characters.",
            },
            Field {
                name: "password_again",
                label: "Password again",
                kind: "password",
                autocomplete: "new-password",
                value: "",
                hint: "",
            },
        ]
    }
}

impl Field<'_> {
    /// The field with its label and whatever is wrong with it.
    pub(super) fn html(&self, errors: &FieldErrors, focus: bool) -> String {
        let Self { name, label, kind, autocomplete, value, hint } = self;
        let wrong: Vec<String> = errors.of(name).map(escape).collect();
        let invalid = if wrong.is_empty() { "" } else { r#" aria-invalid="true""# };
        let focus = if focus { " autofocus" } else { "" };
        let value = if *kind == "password" { String::new() } else { format!(r#" value="{}""#, escape(value)) };
        let mut html = format!(
            r#"<div class="field"><label for="{name}">{label}</label>
<input id="{name}" name="{name}" type="{kind}" autocomplete="{autocomplete}" autocapitalize="none" spellcheck="false" required{value}{invalid}{focus} aria-describedby="{name}-hint {name}-error">"#
        );
        if !hint.is_empty() {
            // Writing to a String can't fail.
            let _ = write!(html, r#"<p class="hint" id="{name}-hint">{hint}</p>"#);
        }
        if !wrong.is_empty() {
            let _ = write!(html, r#"<p class="field-error" id="{name}-error">{}</p>"#, wrong.join(" "));
        }
        html.push_str("</div>\n");
        html
    }
}

/// What is wrong with the form as a whole, or with a field that it doesn't show.
pub(super) fn form_errors(errors: &FieldErrors, shown: &[&str]) -> String {
    let rest: Vec<String> =
        errors.0.iter().filter(|e| !shown.contains(&e.field.as_str())).map(|e| escape(&e.message)).collect();
    if rest.is_empty() {
        return String::new();
    }
    format!(r#"<p class="notice failed" role="alert">{}</p>{}"#, rest.join(" "), "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_was_typed_becomes_markup() {
        assert_eq!(escape(r#"<script>"&'"#), "&lt;script&gt;&quot;&amp;&#39;");
        let field = Field {
            name: "name",
            label: "Name",
            kind: "text",
            autocomplete: "username",
            value: r#""><script>"#,
            hint: "",
        };
        let html = field.html(&FieldErrors::one("name", "<b>no</b>"), false);
        assert!(!html.contains("<script>") && !html.contains("<b>"), "{html}");
        assert!(html.contains("&lt;b&gt;no"), "{html}");
    }

    #[test]
    fn a_password_is_never_sent_back() {
        let field = Field {
            name: "password",
            label: "Password",
            kind: "password",
            autocomplete: "off",
            value: "hunter2",
            hint: "",
        };
        assert!(!field.html(&FieldErrors::default(), false).contains("hunter2"));
    }
}
