//! What a browser loads for a page: the page, what it names, and what that names in turn.

use std::collections::BTreeSet;

use umbel_client::{Client, Method};

use crate::Failure;

/// One file and the bytes of its body as they were sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loaded {
    pub(crate) path: String,
    pub(crate) bytes: usize,
    pub(crate) brotli: bool,
}

pub(crate) async fn load(client: &Client, page: &str) -> Result<Vec<Loaded>, Failure> {
    let mut loaded = Vec::new();
    let (mut due, mut known) = (vec![page.to_owned()], BTreeSet::from([page.to_owned()]));
    while let Some(path) = due.pop() {
        let sent = client.request(Method::GET, &path).header("accept-encoding", "br").send().await?;
        if !sent.status().is_success() {
            return Err(format!("{path}, which {page} loads, answers {}", sent.status()).into());
        }
        let brotli = sent.headers().get("content-encoding").is_some_and(|encoding| encoding == "br");
        let kind =
            sent.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
        let bytes = sent.bytes().await?.len();
        loaded.push(Loaded { path: path.clone(), bytes, brotli });
        if !["text/html", "text/css", "text/javascript"].iter().any(|text| kind.starts_with(text)) {
            continue;
        }
        let plain = client.request(Method::GET, &path).send().await?.text().await?;
        let named = match kind.as_str() {
            kind if kind.starts_with("text/html") => named_by_page(&plain),
            kind if kind.starts_with("text/css") => named_by_style(&plain),
            _ => named_by_script(&plain),
        };
        for name in named.into_iter().filter_map(|name| resolve(&path, &name)) {
            if known.insert(name.clone()) {
                due.push(name);
            }
        }
    }
    loaded.sort_by_key(|file| std::cmp::Reverse(file.bytes));
    Ok(loaded)
}

/// Scripts, styles, icons, preloads.
fn named_by_page(html: &str) -> Vec<String> {
    let mut named = Vec::new();
    for tag in html.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default()) {
        let is_loaded =
            |rel: &str| rel.split(' ').any(|r| ["stylesheet", "preload", "modulepreload", "icon"].contains(&r));
        match tag.split_whitespace().next() {
            Some("link") if attribute(tag, "rel").is_some_and(is_loaded) => named.extend(attribute(tag, "href")),
            Some("script" | "img") => named.extend(attribute(tag, "src")),
            _ => {}
        }
    }
    named.into_iter().map(str::to_owned).collect()
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!(" {name}="))?;
    match rest.chars().next()? {
        quote @ ('"' | '\'') => rest[1..].split(quote).next(),
        _ => rest.split_whitespace().next(),
    }
}

/// Fonts and pictures; what is written out in place is not loaded.
fn named_by_style(css: &str) -> Vec<String> {
    let targets = css.split("url(").skip(1).filter_map(|rest| rest.split(')').next());
    targets.map(|target| target.trim_matches(['"', '\'', ' ']).to_owned()).collect()
}

/// Static imports only: what is imported when it is needed comes later.
fn named_by_script(script: &str) -> Vec<String> {
    let mut named = Vec::new();
    for line in script.lines().filter(|line| line.starts_with("import ")) {
        for part in line.split("from").skip(1).chain(line.strip_prefix("import ")) {
            let part = part.trim_start();
            if let Some(quote @ ('"' | '\'')) = part.chars().next() {
                named.extend(part[1..].split(quote).next().map(str::to_owned));
            }
        }
    }
    named
}

/// A path of the panel's, or `None` for what is not one.
fn resolve(base: &str, name: &str) -> Option<String> {
    if name.contains(':') || name.starts_with("//") || name.starts_with('#') || name.is_empty() {
        return None;
    }
    if name.starts_with('/') {
        return Some(name.to_owned());
    }
    let mut parts: Vec<&str> = base.split('/').collect();
    parts.pop();
    for part in name.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_names_scripts_styles_and_what_is_loaded_before_they_ask() {
        let html = r#"<link rel="stylesheet" href="/style.css"><link rel='modulepreload' href='/pkg/umbel.js'>
            <link rel="canonical" href="/no"><a href="/no"><script type="module" src="/start.js"></script><img src="data:x">"#;
        assert_eq!(named_by_page(html), ["/style.css", "/pkg/umbel.js", "/start.js", "data:x"]);
        assert_eq!(resolve("/", "data:x"), None);
    }

    #[test]
    fn names_are_taken_from_where_they_stand() {
        assert_eq!(resolve("/style/main.css", "../fonts/a.woff2").as_deref(), Some("/fonts/a.woff2"));
        assert_eq!(resolve("/style.css", "a.svg").as_deref(), Some("/a.svg"));
        assert_eq!(resolve("/pkg/umbel.js", "./snippets/x.js").as_deref(), Some("/pkg/snippets/x.js"));
        assert_eq!(
            named_by_style("@font-face { src: url('fonts/a.woff2') format('woff2') } a { b: url(c.svg) }"),
            ["fonts/a.woff2", "c.svg"]
        );
    }

    #[test]
    fn scripts_name_what_they_stand_on() {
        let script = "import { a } from './x.js';\nimport '/y.js';\nconst z = await import('./later.js');\n";
        assert_eq!(named_by_script(script), ["./x.js", "/y.js"]);
    }
}
