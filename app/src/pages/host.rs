//! The host: what it has, what is promised, what is used.

use leptos::prelude::*;
use umbel_guest::Span;

use crate::AppError;
use crate::api::host::{host_fetch, host_metrics};
use crate::live::Live;
use crate::parts::away::AgentNotice;
use crate::parts::graph::{Graphs, Ranges, chosen_span, ticks};
use crate::parts::loaded::{Problem, Skeleton, awaited};
use crate::parts::table::{Fact, PageHead, Used};
use crate::parts::title::Title;
use crate::paths;
use crate::shown::{HostShown, MetricsShown};

/// As often as a sample is taken.
const LOOK_S: u64 = 5;

#[component]
pub fn HostPage() -> impl IntoView {
    let live = Live::expect();
    let (changed, guests) = (live.host(), live.guests());
    let span = chosen_span();
    let tick = ticks(LOOK_S);
    let host = Resource::new(move || (changed.get(), guests.get()), |_| host_fetch());
    let metrics = Resource::new(move || (span.get(), tick.get()), |(span, _)| host_metrics(span));
    view! {
        <Title text="Host" />
        <PageHead title="Host"><Adopt host=host /></PageHead>
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                match host.await {
                    Ok(host) => view! { <Shown host=host metrics=metrics span=span /> }.into_any(),
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

/// Who may see the host may adopt guests.
#[component]
fn Adopt(host: Resource<Result<HostShown, AppError>>) -> impl IntoView {
    view! {
        <Transition>
            {awaited(move || async move {
                host.await.is_ok().then(|| view! {
                    <a class="button" href=paths::STORAGE>"Storage"</a>
                    <a class="button" href=paths::ADOPT>"Adopt a guest"</a>
                })
            })}
        </Transition>
    }
}

#[component]
fn Shown(host: HostShown, metrics: Resource<Result<MetricsShown, AppError>>, span: Memo<Span>) -> impl IntoView {
    let (memory_kib, cpu_permille) = (host.memory_total_mib.saturating_mul(1024), host.cores.max(1) * 1000);
    view! {
        <Capacity host=host />
        <section class="measured" aria-label="Measured">
            <h2>"All guests together"</h2>
            <Ranges span=span />
            <Transition>
                {awaited(move || async move {
                    metrics.await.ok().map(|metrics| view! {
                        <Graphs shown=metrics memory_least_kib=memory_kib cpu_least_permille=cpu_permille />
                    })
                })}
            </Transition>
        </section>
    }
    .into_any()
}

#[component]
fn Capacity(host: HostShown) -> impl IntoView {
    let total = u64::from(host.memory_total_mib);
    let used = total.saturating_sub(host.memory_available_mib.into());
    let disk_used = host.disk_total_mib.saturating_sub(host.disk_free_mib);
    let over = host.memory_promised_mib > total;
    view! {
        <AgentNotice agent=host.agent />
        {over.then(|| view! {
            <p class="notice attention">
                "More memory is promised than there is. Guests that run go on; a start that finds no room waits, and says so."
            </p>
        })}
        <dl class="facts four">
            <Fact label="Memory used">
                {format!("{} of {}", gib(used), gib(total))}
                <Used label="Memory used" used=used total=total />
            </Fact>
            <Fact label="Memory promised to guests">
                {format!("{} of {}", gib(host.memory_promised_mib), gib(total))}
                <Used label="Memory promised" used=host.memory_promised_mib total=total />
            </Fact>
            <Fact label="Disk used">
                {format!("{} of {}", gib(disk_used), gib(host.disk_total_mib))}
                <Used label="Disk used" used=disk_used total=host.disk_total_mib />
            </Fact>
            <Fact label="Guests running">{host.guests_running.to_string()}</Fact>
            <Fact label="Disk promised to guests">
                {format!("{} of {}", gib(host.disk_promised_mib), gib(host.disk_promisable_mib))}
                <Used label="Disk promised" used=host.disk_promised_mib total=host.disk_promisable_mib />
            </Fact>
            <Fact label="Cores">{host.cores.to_string()}</Fact>
            <Fact label="Profile">{host.profile}</Fact>
            <Fact label="Walls and limits"><a href=paths::DOCTOR>"Doctor"</a></Fact>
        </dl>
    }
    .into_any()
}

/// `5.2 GiB`.
fn gib(mib: u64) -> String {
    format!("{}.{} GiB", mib / 1024, mib % 1024 * 10 / 1024)
}
