//! Whether the host keeps guests apart, and whether it has room for many: what stands, what doesn't and
//! what would help.

use leptos::prelude::*;

use crate::api::host::host_fetch;
use crate::live::Live;
use crate::parts::badge::{Mark, WallBadge};
use crate::parts::copied::Copied;
use crate::parts::loaded::{Problem, Skeleton, awaited};
use crate::parts::table::PageHead;
use crate::parts::title::Title;
use crate::shown::{CheckShown, CheckState, HostShown, WallShown};

#[component]
pub fn DoctorPage() -> impl IntoView {
    let changed = Live::expect().host();
    let host = Resource::new(move || changed.get(), |_| host_fetch());
    view! {
        <Title text="Doctor" />
        <PageHead title="Doctor" />
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                match host.await {
                    Ok(host) => view! { <Findings host=host /> }.into_any(),
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Findings(host: HostShown) -> impl IntoView {
    let HostShown { walls, checks, profile, .. } = host;
    let down = walls.iter().filter(|wall| !wall.state.stands()).count();
    let low = checks.iter().filter(|check| matches!(check.state, CheckState::TooLow { .. })).count();
    let wrong = checks.iter().any(|check| matches!(check.state, CheckState::Wrong { .. }));
    let (class, summary) = match (down, low) {
        (0, 0) => ("notice", "All walls stand and every limit is high enough.".to_owned()),
        (0, low) => ("notice attention", format!("All walls stand; {} too low for many guests.", are(low, "limit"))),
        (down, 0) => ("notice attention", format!("{} not standing. Every limit is high enough.", are(down, "wall"))),
        (down, low) => (
            "notice attention",
            format!("{} not standing, {} too low for many guests.", are(down, "wall"), are(low, "limit")),
        ),
    };
    view! {
        {wrong.then(|| view! { <p class="notice failed">"Something below is not as it should be."</p> })}
        <p class=class>{summary} " " <span class="meta">{format!("Profile: {profile}.")}</span></p>
        <h2>"Walls around guests"</h2>
        <p class="meta">"In the order in which they are raised. A guest is not started without a wall that its profile asks for."</p>
        <WallTable walls=walls />
        <h2>"Limits of this host, and books"</h2>
        <CheckTable checks=checks />
    }
    .into_any()
}

/// `1 wall is`, `3 walls are`.
fn are(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what} is") } else { format!("{count} {what}s are") }
}

#[component]
fn WallTable(walls: Vec<WallShown>) -> impl IntoView {
    if walls.is_empty() {
        return view! { <p class="meta">"The agent has not said yet which walls there are."</p> }.into_any();
    }
    view! {
        <table class="table cards findings">
            <thead><tr><th>"Wall"</th><th>"State"</th><th>"What it does, or what would help"</th></tr></thead>
            <tbody>
                {walls
                    .into_iter()
                    .map(|wall| view! {
                        <tr>
                            <td data-label="Wall"><strong>{wall.name}</strong></td>
                            <td data-label="State"><WallBadge state=wall.state.clone() /></td>
                            <td class="prose">{wall.state.words().to_owned()}</td>
                        </tr>
                    })
                    .collect_view()}
            </tbody>
        </table>
    }
    .into_any()
}

#[component]
fn CheckTable(checks: Vec<CheckShown>) -> impl IntoView {
    view! {
        <table class="table cards findings">
            <thead><tr><th>"Limit"</th><th>"State"</th><th>"Value"</th></tr></thead>
            <tbody>
                {checks
                    .into_iter()
                    .map(|check| view! {
                        <tr>
                            <td data-label="Limit"><code>{check.name}</code></td>
                            <td data-label="State">
                                {match &check.state {
                                    CheckState::Enough => view! { <Mark shape="●" class="badge running" words="Enough" /> },
                                    CheckState::TooLow { .. } => {
                                        view! { <Mark shape="▲" class="badge attention" words="Too low" /> }
                                    }
                                    CheckState::Right => view! { <Mark shape="●" class="badge running" words="Right" /> },
                                    CheckState::Wrong { .. } => {
                                        view! { <Mark shape="▲" class="badge failed" words="Wrong" /> }
                                    }
                                }}
                            </td>
                            <td class="prose">
                                {check.detail}
                                {match check.state {
                                    CheckState::Enough | CheckState::Right => None,
                                    CheckState::TooLow { fix } | CheckState::Wrong { fix } => {
                                        Some(view! { <p class="fix">"As root of the host: " <Copied text=fix /></p> })
                                    }
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

#[cfg(test)]
mod tests {
    use super::are;

    #[test]
    fn one_is_and_many_are() {
        assert_eq!((are(1, "wall"), are(2, "limit")), ("1 wall is".into(), "2 limits are".into()));
    }
}
