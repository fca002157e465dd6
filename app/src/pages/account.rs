use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_meta::Title;

use crate::api::accounts::{SessionEnd, session_list};
use crate::live::Live;
use crate::parts::loaded::{Failure, Problem, failure};
use crate::parts::me::Me;
use crate::parts::table::{Fact, PageHead};
use crate::parts::time::When;
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
            <a class="button" href=paths::NEW_PASSWORD rel="external">"Change password"</a>
        </PageHead>
        <Transition>
            {move || Suspend::new(async move {
                me.0.await.ok().map(|me| view! {
                    <dl class="facts">
                        <Fact label="Name">{me.name}</Fact>
                        <Fact label="Role">{me.role.word()}</Fact>
                        <Fact label="Since"><When at=me.created_at /></Fact>
                    </dl>
                })
            })}
        </Transition>
        <h2>"Appearance"</h2>
        // theme.js listens to the names; without scripts the system's theme counts.
        <fieldset class="field theme" data-theme-choice="">
            <legend class="visually-hidden">"Theme"</legend>
            {[("system", "System"), ("light", "Light"), ("dark", "Dark")]
                .into_iter()
                .map(|(value, words)| view! {
                    <button class="button" type="button" data-theme-set=value>{words}</button>
                })
                .collect_view()}
        </fieldset>
        <h2>"Where you are signed in"</h2>
        <Failure error=failure(end) />
        <Transition>
            {move || Suspend::new(async move {
                match sessions.await {
                    Ok(sessions) => view! { <SessionTable sessions=sessions end=end /> }.into_any(),
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn SessionTable(sessions: Vec<SessionShown>, end: ServerAction<SessionEnd>) -> impl IntoView {
    view! {
        <table class="table cards">
            <thead>
                <tr><th>"Browser"</th><th>"Address"</th><th>"Since"</th><th>"Last seen"</th><th></th></tr>
            </thead>
            <tbody>
                {sessions
                    .into_iter()
                    .map(|session| view! {
                        <tr>
                            <td data-label="Browser">{session.user_agent}</td>
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
                                            <button class="button" type="submit">"End"</button>
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
}
