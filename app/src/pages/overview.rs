use leptos::prelude::*;
use leptos_meta::Title;
use umbel_guest::size::in_words;
use umbel_guest::state::Badge;

use super::guests::list::{GuestTable, NoGuests};
use crate::api::guests::GuestAct;
use crate::api::host::overview;
use crate::live::Live;
use crate::parts::loaded::{Failure, Problem, failure};
use crate::parts::me::Me;
use crate::parts::operation::OperationTable;
use crate::parts::table::{Fact, PageHead};
use crate::parts::time::When;
use crate::paths;
use crate::shown::{AgentLink, GuestShown, HostShown};

#[component]
pub fn OverviewPage() -> impl IntoView {
    let everything = Live::expect().everything();
    let act = ServerAction::<GuestAct>::new();
    let shown = Resource::new(move || (everything.get(), act.version().get()), |_| overview());
    let me = Me::expect();
    view! {
        <Title text="Overview" />
        <PageHead title="Overview">
            <a class="button primary" href=paths::GUEST_NEW>"New guest"</a>
        </PageHead>
        <Failure error=failure(act) />
        <Transition>
            {move || Suspend::new(async move {
                let administrator = me.is_administrator().await;
                match shown.await {
                    Ok(shown) => view! {
                        <HostFacts host=shown.host />
                        <GuestCounts guests=shown.guests.clone() />
                        {if shown.guests.is_empty() {
                            view! { <NoGuests /> }.into_any()
                        } else {
                            view! { <GuestTable guests=shown.guests act=act administrator=administrator /> }.into_any()
                        }}
                        <h2>"Activity"</h2>
                        <OperationTable operations=shown.operations />
                    }
                    .into_any(),
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn GuestCounts(guests: Vec<GuestShown>) -> impl IntoView {
    let of = |badge: Badge| guests.iter().filter(|g| g.badge() == badge).count().to_string();
    let (all, running, crashed) = (guests.len().to_string(), of(Badge::Running), of(Badge::Crashed));
    view! {
        <dl class="facts">
            <Fact label="Guests">{all}</Fact>
            <Fact label="Running">{running}</Fact>
            <Fact label="Crashed">{crashed}</Fact>
        </dl>
    }
}

#[component]
fn HostFacts(host: HostShown) -> impl IntoView {
    let free_gib = |mib: u64| format!("{} GiB", mib / 1024);
    view! {
        {match host.agent {
            AgentLink::Here => None,
            AgentLink::Away { since } => Some(view! {
                <p class="notice attention" role="status">
                    "The agent has been away since " <When at=since />
                    ". What is asked for meanwhile is carried out once it is back."
                </p>
            }),
        }}
        <dl class="facts">
            <Fact label="Host">{host.profile}</Fact>
            <Fact label="Memory free">
                {format!("{} of {}", in_words(host.memory_available_mib), in_words(host.memory_total_mib))}
            </Fact>
            <Fact label="Disk free">{format!("{} of {}", free_gib(host.disk_free_mib), free_gib(host.disk_total_mib))}</Fact>
            <Fact label="Cores">{host.cores.to_string()}</Fact>
        </dl>
        {(!host.walls.is_empty()).then(|| view! {
            <details class="walls">
                <summary>"Walls around guests"</summary>
                <ul>
                    {host.walls.into_iter().map(|wall| view! {
                        <li>
                            <span class=if wall.stands { "badge running" } else { "badge attention" }>
                                <span class="shape" aria-hidden="true">{if wall.stands { "●" } else { "◌" }}</span>
                                {if wall.stands { "stands" } else { "missing" }}
                            </span>
                            " " {wall.name} " " <span class="meta">{wall.detail}</span>
                        </li>
                    }).collect_view()}
                </ul>
            </details>
        })}
    }
}
