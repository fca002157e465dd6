use super::document::{document, escape};

/// A page that only says something: a link that has expired, a panel that is full.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageView {
    pub title: String,
    pub text: String,
    /// Path and words of what to do next.
    pub link: Option<(String, String)>,
}

pub fn message_page(view: &MessageView, nonce: &str) -> String {
    let mut body = format!("<p>{}</p>\n", escape(&view.text));
    if let Some((path, words)) = &view.link {
        body.push_str(&format!("<p><a class=\"button\" href=\"{}\">{}</a></p>\n", escape(path), escape(words)));
    }
    document(&view.title, nonce, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_text() {
        let view =
            MessageView { title: "<x>".into(), text: "<script>".into(), link: Some(("/\"".into(), "<y>".into())) };
        let page = message_page(&view, "n");
        for markup in ["<x>", "<y>", "<script>\n", "/\"\""] {
            assert!(!page.contains(markup), "{markup} in {page}");
        }
    }
}
