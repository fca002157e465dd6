//! Whether the host keeps guests apart, and whether it has room for many: what stands, what doesn't and
//! what would help.

use leptos::form::ActionForm;
use leptos::prelude::*;

use crate::api::host::host_fetch;
use crate::api::storage::{LeftoverRemove, storage_fetch};
use crate::live::Live;
use crate::parts::badge::{Mark, WallBadge};
use crate::parts::copied::Copied;
use crate::parts::curve::size;
use crate::parts::dialog::{Cancel, Dialog};
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited, failure};
use crate::parts::table::PageHead;
use crate::parts::title::Title;
use crate::shown::{CheckShown, CheckState, HostShown, LeftoverShown, WallShown};

#[component]
pub fn DoctorPage() -> impl IntoView {
    let changed = Live::expect().host();
    let host = Resource::new(move || changed.get(), |_| host_fetch());
    let remove = ServerAction::<LeftoverRemove>::new();
    let storage = Resource::new(move || (changed.get(), remove.version().get()), |_| storage_fetch());
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
        <Failure error=failure(remove) />
        <Transition>
            {awaited(move || async move {
                // Whoever may not see it has been told so, and an agent that is away too.
                storage.await.ok().map(|storage| view! { <Leftovers rows=storage.leftovers remove=remove /> })
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
        <h2>"Limits and programs of this host, and books"</h2>
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

/// What lies on the host without a row of the panel.
#[component]
fn Leftovers(rows: Vec<LeftoverShown>, remove: ServerAction<LeftoverRemove>) -> impl IntoView {
    let none = rows.is_empty();
    let row = move |left: LeftoverShown| {
        let what = match (left.snapshot, &left.guest_name) {
            (Some(_), Some(name)) => format!("A snapshot of {name}"),
            (Some(_), None) => "A snapshot".to_owned(),
            (None, _) => "A guest".to_owned(),
        };
        let id = left.snapshot.map_or_else(|| left.guest.to_string(), |snapshot| snapshot.to_string());
        let dialog = format!("remove-{id}");
        let words = format!("Remove {id}");
        let form = |class: &'static str| {
            let snapshot = left.snapshot.map(|snapshot| snapshot.to_string());
            view! {
                <ActionForm action=remove attr:class="inline">
                    <input type="hidden" name="guest" value=left.guest.to_string() />
                    {snapshot.map(|snapshot| view! { <input type="hidden" name="snapshot" value=snapshot /> })}
                    <button class=class type="submit">"Remove"</button>
                </ActionForm>
            }
        };
        let (plain, last) = (form("button danger"), form("button danger final"));
        view! {
            <tr>
                <td data-label="What">{what}</td>
                <td data-label="Id"><code>{id}</code></td>
                <td data-label="Takes" class="number">{size(left.taken_bytes)}</td>
                <td class="row-actions">
                    <button class="button danger needs-scripts" type="button" data-opens=dialog.clone()>"Remove…"</button>
                    <span class="without-scripts">{plain}</span>
                    <Dialog id=dialog title=words>
                        <p>"Its files are gone for ever. If this panel's database was put back from a backup, it may be of a guest that was made after that."</p>
                        <div class="dialog-actions"><Cancel />{last}</div>
                    </Dialog>
                </td>
            </tr>
        }
    };
    view! {
        <h2>"Leftovers"</h2>
        {none.then(|| view! { <p class="meta">"Every guest and every snapshot on the host is one that this panel knows."</p> })}
        {(!none).then(|| view! {
            <p class="meta">"Files of guests and snapshots that this panel has no row of. Nothing removes them by itself."</p>
            <table class="table cards">
                <thead>
                    <tr>
                        <th>"What"</th>
                        <th>"Id"</th>
                        <th class="number">"Takes"</th>
                        <th><span class="visually-hidden">"Actions"</span></th>
                    </tr>
                </thead>
                <tbody>{rows.into_iter().map(row).collect_view()}</tbody>
            </table>
        })}
    }
    .into_any()
}

#[component]
fn CheckTable(checks: Vec<CheckShown>) -> impl IntoView {
    view! {
        <table class="table cards findings">
            <thead><tr><th>"What"</th><th>"State"</th><th>"Value, or what it is for"</th></tr></thead>
            <tbody>
                {checks
                    .into_iter()
                    .map(|check| view! {
                        <tr>
                            <td data-label="What"><code>{check.name}</code></td>
                            <td data-label="State">
                                {match &check.state {
                                    CheckState::Enough => view! { <Mark shape="●" class="badge running" words="Enough" /> },
                                    CheckState::TooLow { .. } => {
                                        view! { <Mark shape="▲" class="badge attention" words="Too low" /> }
                                    }
                                    CheckState::There => view! { <Mark shape="●" class="badge running" words="There" /> },
                                    CheckState::Missing { .. } => {
                                        view! { <Mark shape="▲" class="badge attention" words="Missing" /> }
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
                                    CheckState::Enough | CheckState::There | CheckState::Right => None,
                                    CheckState::TooLow { fix } | CheckState::Missing { fix } | CheckState::Wrong { fix } => {
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
