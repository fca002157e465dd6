//! Where Debian's packages are.

use super::Recipe;

pub(crate) const OWN: &str = "http://deb.debian.org/debian";
const SECURITY: &str = "http://deb.debian.org/debian-security";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// Suites whose bugs of today are mended in a suite beside them (Debian's reference, 5.1).
const STABLE: [&str; 6] = ["stable", "oldstable", "bullseye", "bookworm", "trixie", "forky"];

/// A line of sources.list(5), but for its options.
pub(crate) struct Source {
    pub mirror: String,
    pub suite: String,
}

/// Those of one mirror stand side by side, so that a mirror's place is that of its first.
pub(crate) fn sources(recipe: &Recipe) -> Vec<Source> {
    let suite = recipe.suite.clone().unwrap_or_default();
    match &recipe.mirror {
        Some(mirror) => vec![Source { mirror: mirror.trim_end_matches('/').to_owned(), suite }],
        None if STABLE.contains(&suite.as_str()) => vec![
            Source { mirror: OWN.into(), suite: suite.clone() },
            Source { mirror: SECURITY.into(), suite: format!("{suite}-security") },
        ],
        None => vec![Source { mirror: OWN.into(), suite }],
    }
}

/// The lines, with each mirror's address as it is there: by its place in the list, or as the recipe has it.
pub(crate) fn lines(recipe: &Recipe, key: &str, address: impl Fn(usize, &str) -> String) -> Vec<String> {
    let options = match (recipe.unsigned, &recipe.key) {
        (true, _) => "trusted=yes".to_owned(),
        (false, Some(_)) => format!("signed-by={key}"),
        (false, None) => format!("signed-by={KEYRING}"),
    };
    let components = if recipe.components.is_empty() { "main".to_owned() } else { recipe.components.join(" ") };
    let line = |(place, source): (usize, Source)| {
        format!("deb [{options}] {} {} {components}", address(place, &source.mirror), source.suite)
    };
    sources(recipe).into_iter().enumerate().map(line).collect()
}
