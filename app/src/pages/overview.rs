use leptos::prelude::*;
use umbel_guest::PanelRight;
use umbel_guest::size::in_words;
use umbel_guest::state::Badge;

use super::guests::list::{GuestTable, NoGuests, any_foreign};
use crate::api::guests::GuestAct;
use crate::api::host::overview;
use crate::live::Live;
use crate::parts::away::AgentNotice;
use crate::parts::badge::{Mark, WallBadge};
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited, failure};
use crate::parts::me::Me;
use crate::parts::operation::OperationTable;
use crate::parts::table::{Fact, PageHead, Used};
use crate::parts::title::Title;
use crate::paths;
use crate::shown::{GuestPage, HostShown, OverviewShown, WallShown};

/// Operations listed here; the rest is on the page of activity.
const RECENT: usize = 8;

#[component]
pub fn OverviewPage() -> impl IntoView {
    let everything = Live::expect().everything();
    let act = ServerAction::<GuestAct>::new();
    let shown = Resource::new(move || (everything.get(), act.version().get()), |_| overview());
    let me = Me::expect();
    view! {
        <Title text="Overview" />
        <PageHead title="Overview">
            <a class="button primary" href=paths::GUEST_NEW data-shortcut="n">"New guest"</a>
        </PageHead>
        <Failure error=failure(act) />
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                let sees_all = me.may(PanelRight::SeeAllGuests).await.is_ok();
                match shown.await {
                    Ok(shown) => view! { <Shown shown=shown act=act sees_all=sees_all /> }.into_any(),
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Shown(shown: OverviewShown, act: ServerAction<GuestAct>, sees_all: bool) -> impl IntoView {
    let OverviewShown { guests, states, mut operations, agent, host } = shown;
    let GuestPage { rows: guests, next } = guests;
    let owners = sees_all || any_foreign(&guests);
    let more = operations.len() > RECENT;
    operations.truncate(RECENT);
    view! {
        <AgentNotice agent=agent />
        <Numbers states=states host=host.clone() />
        {host.map(|host| view! { <Walls walls=host.walls /> })}
        {if guests.is_empty() {
            view! { <NoGuests /> }.into_any()
        } else {
            view! { <GuestTable guests=guests act=act owners=owners /> }.into_any()
        }}
        {next.map(|_| view! { <p class="meta more"><a href=paths::GUESTS>"All guests"</a></p> })}
        <h2>"Activity"</h2>
        <OperationTable operations=operations />
        {more.then(|| view! { <p class="meta more"><a href=paths::OPERATIONS>"All activity"</a></p> })}
    }
    .into_any()
}

/// How many; of the host, how much is left.
#[component]
fn Numbers(states: Vec<(Badge, u32)>, host: Option<HostShown>) -> impl IntoView {
    let of = |badge: Badge| states.iter().find(|(state, _)| *state == badge).map_or(0, |(_, many)| *many);
    let all: u32 = states.iter().map(|(_, many)| many).sum();
    let (running, crashed) = (of(Badge::Running), of(Badge::Crashed));
    view! {
        <dl class="facts">
            <Fact label="Guests">{all.to_string()}</Fact>
            <Fact label="Running">{running.to_string()}</Fact>
            {(crashed > 0).then(|| view! {
                <Fact label="Crashed"><Mark shape="▲" class="badge failed" words="" />
                    <a href=paths::guests_in(Badge::Crashed)>{crashed.to_string()}</a></Fact>
            })}
            {host.map(|host| view! { <Machine host=host /> })}
        </dl>
    }
    .into_any()
}

#[component]
fn Machine(host: HostShown) -> impl IntoView {
    let memory = (u64::from(host.memory_total_mib), u64::from(host.memory_available_mib));
    let disk = (host.disk_total_mib, host.disk_free_mib);
    view! {
        <Fact label="Memory free">
            {format!("{} of {}", in_words(host.memory_available_mib), in_words(host.memory_total_mib))}
            <Used label="Memory used" used=memory.0.saturating_sub(memory.1) total=memory.0 />
        </Fact>
        <Fact label="Disk free">
            {format!("{} of {}", gib(disk.1), gib(disk.0))}
            <Used label="Disk used" used=disk.0.saturating_sub(disk.1) total=disk.0 />
        </Fact>
        <Fact label="Cores">{host.cores.to_string()}</Fact>
        <Fact label="Profile">{host.profile}</Fact>
    }
    .into_any()
}

/// `5.2 GiB`.
fn gib(mib: u64) -> String {
    format!("{}.{} GiB", mib / 1024, mib % 1024 * 10 / 1024)
}

#[component]
fn Walls(walls: Vec<WallShown>) -> impl IntoView {
    let (all, standing) = (walls.len(), walls.iter().filter(|w| w.state.stands()).count());
    (all > 0).then(|| {
        view! {
            <details class="walls">
                <summary>{format!("Walls around guests: {standing} of {all} stand")}</summary>
                <ul>
                    {walls
                        .into_iter()
                        .map(|wall| view! {
                            <li>
                                <WallBadge state=wall.state.clone() />
                                <span>{wall.name}</span>
                                <span class="meta">{wall.state.words().to_owned()}</span>
                            </li>
                        })
                        .collect_view()}
                </ul>
            </details>
        }
    })
}

#[cfg(test)]
mod tests {
    use super::gib;

    #[test]
    fn a_disk_is_told_to_a_tenth() {
        assert_eq!((gib(5120), gib(79_565)), ("5.0 GiB".into(), "77.7 GiB".into()));
    }
}
