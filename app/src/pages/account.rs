use leptos::form::ActionForm;
use leptos::prelude::*;

use crate::api::accounts::{SessionEnd, session_list};
use crate::api::quotas::{QuotaAsk, quota_mine};
use crate::live::Live;
use crate::pages::keys::Keys;
use crate::pages::tokens::Tokens;
use crate::parts::frame::SignOut;
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited, failure};
use crate::parts::me::Me;
use crate::parts::quota::QuotaAndWishes;
use crate::parts::table::{Fact, PageHead};
use crate::parts::time::When;
use crate::parts::title::Title;
use crate::paths;
use crate::shown::SessionShown;

#[component]
pub fn AccountPage() -> impl IntoView {
    let me = Me::expect();
    let changed = Live::expect().people();
    let end = ServerAction::<SessionEnd>::new();
    let sessions = Resource::new(move || (changed.get(), end.version().get()), |_| session_list());
    view! {
        <Title text="Account" />
        <PageHead title="Account">
            <a class="button" href=paths::USAGE>"Usage"</a>
            <a class="button" href=paths::NEW_PASSWORD rel="external">"Change password"</a>
            <a class="button" href=paths::SECOND_FACTOR rel="external">"Second factor"</a>
            <a class="button" href=paths::OIDC rel="external">"Sign-in provider"</a>
            <SignOut class="button" />
        </PageHead>
        <Transition>
            {awaited(move || async move {
                me.0.await.ok().map(|me| view! {
                    <dl class="facts">
                        <Fact label="Name">{me.name}</Fact>
                        <Fact label="Role">{me.role.word()}</Fact>
                        <Fact label="Second factor">{if me.second_factor { "on: a sign-in asks for a code" } else { "off" }}</Fact>
                        <Fact label="Sign-in provider">{if me.linked { "linked" } else { "not linked" }}</Fact>
                        <Fact label="Since"><When at=me.created_at /></Fact>
                    </dl>
                })
            })}
        </Transition>
        <OwnQuota />
        <h2>"Appearance"</h2>
        // pages.js listens to the names and keeps the choice in this browser.
        <fieldset class="segments needs-scripts">
            <legend class="visually-hidden">"Theme"</legend>
            {[("system", "System"), ("light", "Light"), ("dark", "Dark")]
                .into_iter()
                .map(|(value, words)| view! {
                    <button class="button" type="button" data-theme-set=value aria-pressed="false">{words}</button>
                })
                .collect_view()}
        </fieldset>
        <p class="without-scripts meta">"Without scripts the theme is the system's."</p>
        <h2>"Where you are signed in"</h2>
        <Failure error=failure(end) />
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                match sessions.await {
                    Ok(sessions) => view! { <SessionTable sessions=sessions end=end /> }.into_any(),
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
        <Keys />
        <Tokens />
    }
}

/// One's own quota, and wishes for more of it.
#[component]
fn OwnQuota() -> impl IntoView {
    let (people, guests) = (Live::expect().people(), Live::expect().guests());
    let ask = ServerAction::<QuotaAsk>::new();
    let quota = Resource::new(move || (people.get(), guests.get(), ask.version().get()), |_| quota_mine());
    view! {
        <h2>"Quota"</h2>
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                match quota.await {
                    Ok(quota) => view! { <QuotaAndWishes quota=quota ask=ask /> }.into_any(),
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
    }
    .into_any()
}

#[component]
fn SessionTable(sessions: Vec<SessionShown>, end: ServerAction<SessionEnd>) -> impl IntoView {
    view! {
        <table class="table cards">
            <thead>
                <tr><th>"Browser"</th><th>"Address"</th><th>"Since"</th><th>"Last seen"</th><th><span class="visually-hidden">"Actions"</span></th></tr>
            </thead>
            <tbody>
                {sessions
                    .into_iter()
                    .map(|session| view! {
                        <tr>
                            <td data-label="Browser"><span class="one-line" title=session.user_agent.clone()>{browser(&session.user_agent)}</span></td>
                            <td data-label="Address">{session.address}</td>
                            <td data-label="Since"><When at=session.created_at /></td>
                            <td data-label="Last seen"><When at=session.last_seen_at /></td>
                            <td class="row-actions">
                                {if session.current {
                                    view! { <span class="meta">"this one"</span> }.into_any()
                                } else {
                                    view! {
                                        <ActionForm action=end attr:class="inline">
                                            <input type="hidden" name="session" value=session.id />
                                            <button class="button" type="submit" title="Signs that browser out">"End"</button>
                                        </ActionForm>
                                    }
                                    .into_any()
                                }}
                            </td>
                        </tr>
                    })
                    .collect_view()}
            </tbody>
        </table>
    }
    .into_any()
}

/// A browser as people call it, out of what it says of itself; the whole is its title.
fn browser(user_agent: &str) -> String {
    // Each names those it wants to be taken for, so the rarest word comes first.
    let name =
        [("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari")];
    let system = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ];
    let find =
        |of: &[(&str, &'static str)]| of.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, word)| *word);
    match (find(&name), find(&system)) {
        (Some(name), Some(system)) => format!("{name} on {system}"),
        (Some(name), None) => name.to_owned(),
        _ if user_agent.is_empty() => "unknown".to_owned(),
        _ => user_agent.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::browser;

    #[test]
    fn a_browser_is_called_by_its_name() {
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36 Edg/130.0";
        assert_eq!(browser(edge), "Edge on Windows");
        assert_eq!(
            browser("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
            "Firefox on Linux"
        );
        assert_eq!(browser("curl/8.5"), "curl/8.5");
        assert_eq!(browser(""), "unknown");
    }
}
