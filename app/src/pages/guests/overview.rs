//! The first tab of a guest: why it is as it is, what it takes, what it is made of, what it said last.

use leptos::prelude::*;
use umbel_guest::size::in_words;
use umbel_guest::{Attachment, Boot, DiskKind, Exit, GuestId, GuestRight, Seen, SetupSeen, Wanted};

use super::choices::{clock_words, mode_words, network_words};
use super::new::policy_words;
use super::rescue::Rescue;
use super::show::GuestContext;
use crate::api::guests::{guest_console_tail, guest_memory_inside, guest_metrics};
use crate::api::missing;
use crate::live::Live;
use crate::parts::copied::Copied;
use crate::parts::curve::bytes;
use crate::parts::graph::{Graphs, Ranges, chosen_span, ticks};
use crate::parts::loaded::awaited;
use crate::parts::operation::OperationSteps;
use crate::parts::setup::SetupOutcome;
use crate::parts::table::Fact;
use crate::parts::time::{Said, When};
use crate::paths;
use crate::shown::{ConsoleTail, GuestShown, MemoryInsideShown, SaidShown};

/// A sample is taken so often.
const LOOK_S: u64 = 5;

#[component]
pub fn GuestOverviewPage() -> impl IntoView {
    let context = GuestContext::expect();
    view! {
        <Transition>
            {awaited(move || async move {
                context.guest.await.ok().map(|guest| view! { <Why guest=guest /> })
            })}
        </Transition>
        <GuestGraphs />
        <Transition>
            {awaited(move || async move {
                context.guest.await.ok().map(|guest| view! {
                    <Facts guest=guest.clone() />
                    <SaidLines said=guest.said.clone() />
                })
            })}
        </Transition>
        <LastLines />
        <Rescue />
    }
}

/// What people ask first of a guest that isn't simply running: why.
#[component]
fn Why(guest: GuestShown) -> impl IntoView {
    let ended = match &guest.seen {
        Seen::Ended { at, exit } => Some((*at, exit.clone())),
        _ => None,
    };
    let purge_at = match guest.wanted {
        Wanted::Deleted { purge_at } => Some(purge_at),
        Wanted::Running | Wanted::Stopped => None,
    };
    let operation = guest.operation.clone().filter(|o| !o.state.is_over());
    let failed = match &guest.setup {
        Some(SetupSeen::Failed { why, .. }) => Some(why.clone()),
        Some(SetupSeen::Waits | SetupSeen::Done { .. }) | None => None,
    };
    view! {
        {purge_at.map(|at| view! {
            <p class="notice attention">"Deleted. It is purged with its disk " <When at=at said=Said::At /> " unless you undo that."</p>
        })}
        {guest.waiting.clone().map(|why| view! { <p class="notice changing" role="status">{why}</p> })}
        {(guest.boot == Boot::Shell).then(|| view! {
            <p class="notice attention">
                "It starts into a shell instead of its own init, once. Open its console, change what you need, then restart it."
            </p>
        })}
        {ended.map(|(at, exit)| view! {
            <p class=if exit.is_failure() { "notice failed" } else { "notice" }>
                {sentence(&exit.to_string())} ", " <When at=at /> ". " {meaning(&exit)}
            </p>
        })}
        {failed.map(|why| view! {
            <p class="notice attention">"Its set-up failed: " {why} ". It is not tried again; it can be told anew below, while it is off."</p>
        })}
        {operation.map(|operation| view! { <OperationSteps operation=operation /> })}
    }
    .into_any()
}

/// How it ended, as a sentence begins: `It crashed (134)`, `Its shim was lost`, `The host was restarted`.
fn sentence(how: &str) -> String {
    let own = ["its ", "the host "].iter().any(|own| how.starts_with(own));
    if !own {
        return format!("It {how}");
    }
    let mut rest = how.chars();
    rest.next().map(|first| first.to_uppercase().chain(rest).collect()).unwrap_or_default()
}

/// What such an end means, where its words and number alone don't say.
fn meaning(exit: &Exit) -> Option<String> {
    Some(match exit {
        // A panic ends in abort(3).
        Exit::Crashed { signal: 6 } => {
            "Its kernel panicked: signal 6, SIGABRT. The last lines of its console say why.".into()
        }
        Exit::Crashed { signal } => format!("Its kernel was ended by signal {signal}{}.", signal_name(*signal)),
        Exit::Failed { status } => {
            format!("Its kernel ended by itself with exit code {status}; 0 would be an orderly end.")
        }
        Exit::OutOfMemory => "It took more of the host's memory than it may. Give it more, or let it do less.".into(),
        _ => return None,
    })
}

/// Names of signal(7), of those that end a process that went wrong.
fn signal_name(signal: i32) -> &'static str {
    match signal {
        4 => ", SIGILL",
        7 => ", SIGBUS",
        8 => ", SIGFPE",
        9 => ", SIGKILL",
        11 => ", SIGSEGV",
        15 => ", SIGTERM",
        31 => ", SIGSYS: it made a system call that no guest may make",
        _ => "",
    }
}

#[component]
fn GuestGraphs() -> impl IntoView {
    let context = GuestContext::expect();
    let span = chosen_span();
    let tick = ticks(LOOK_S);
    let metrics = Resource::new(
        move || (context.id.get(), span.get(), tick.get()),
        |(id, span, _)| async move { guest_metrics(id.ok_or_else(|| missing("guest"))?, span).await },
    );
    view! {
        <section class="measured" aria-label="Measured">
            <Ranges span=span />
            <Transition>
                {awaited(move || async move {
                    let (guest, metrics) = (context.guest.await, metrics.await);
                    guest.ok().zip(metrics.ok()).map(|(guest, metrics)| view! {
                        <Graphs shown=metrics memory_least_kib={guest.memory.mib().saturating_mul(1024)} cpu_least_permille=100 />
                    })
                })}
            </Transition>
            <Transition>
                {awaited(move || async move {
                    let guest = context.guest.await.ok()?;
                    matches!(guest.seen, Seen::Running { .. }).then(|| view! { <MemoryInside guest=guest.id /> })
                })}
            </Transition>
        </section>
    }
    .into_any()
}

/// Asking wakes the guest's kernel, so only the browser asks, and only while the page is looked at.
#[component]
fn MemoryInside(guest: GuestId) -> impl IntoView {
    let asked = Action::new(move |(): &()| guest_memory_inside(guest));
    let tick = ticks(2 * LOOK_S);
    Effect::new(move |_| {
        tick.track();
        asked.dispatch(());
    });
    let words = move || match asked.value().get() {
        Some(Ok(Some(MemoryInsideShown { total_kib, available_kib }))) => {
            let used = total_kib.saturating_sub(available_kib);
            format!("As the guest itself sees it: {} of {} in use.", bytes(used), bytes(total_kib))
        }
        Some(Ok(None) | Err(_)) => "The guest doesn't say how it sees its memory.".to_owned(),
        None => "Asking the guest how it sees its memory …".to_owned(),
    };
    view! { <p class="meta needs-scripts">{words}</p> }.into_any()
}

#[component]
fn Facts(guest: GuestShown) -> impl IntoView {
    let disk = match guest.disk_kind {
        DiskKind::Cow => "only changes stored",
        DiskKind::Plain => "full copy",
        DiskKind::Memory => "in memory",
    };
    let address = match (guest.address, guest.network) {
        (Some(address), _) => view! { <Copied text=address.to_string() /> }.into_any(),
        (None, Attachment::None) => view! { <span class="meta">"no network"</span> }.into_any(),
        (None, _) => view! { <span class="meta">"known at its first start"</span> }.into_any(),
    };
    let start = if guest.autostart { "with the host, if it ran" } else { "not with the host" };
    view! {
        <dl class="facts four">
            <Fact label="Address">{address}</Fact>
            <Fact label="Network">{network_words(guest.network).0}</Fact>
            <Fact label="Image">{guest.image.to_string()}</Fact>
            <Fact label="Kernel">
                {format!("{}, {}", guest.kernel, mode_words(guest.mode).0.to_lowercase())}
            </Fact>
            <Fact label="Memory">{in_words(guest.memory.mib())}</Fact>
            <Fact label="Disk">{format!("{}, {disk}", in_words(guest.disk.mib()))}</Fact>
            <Fact label="Clock">{clock_words(guest.clock).0}</Fact>
            <Fact label="Restart">{policy_words(guest.restart_policy)}</Fact>
            <Fact label="Start">{start}</Fact>
            <Fact label="Owner">{guest.owner_name.clone()}</Fact>
            {guest.setup.clone().map(|seen| view! { <Fact label="Set-up"><SetupOutcome seen=seen /></Fact> })}
            <Fact label="Created"><When at=guest.created_at /></Fact>
            <Fact label="Id">
                <span class="id">
                    <code title=guest.id.to_string()>{guest.id.short()}</code>
                    <button class="button quiet needs-scripts" type="button" data-copy=guest.id.to_string()>"Copy"</button>
                </span>
            </Fact>
        </dl>
        {(!guest.note.as_str().is_empty()).then(|| view! { <p class="note">{guest.note.to_string()}</p> })}
    }
    .into_any()
}

/// What root in it wrote to /proc/mconsole; text and nothing else.
#[component]
fn SaidLines(said: Vec<SaidShown>) -> impl IntoView {
    (!said.is_empty()).then(|| {
        view! {
            <section>
                <h2>"What the guest said"</h2>
                <table class="table log">
                    <tbody>
                        {said
                            .into_iter()
                            .rev()
                            .map(|line| view! {
                                <tr>
                                    <td><When at=line.at /></td>
                                    <td>
                                        {line.text}
                                        {(line.missed > 0).then(|| view! {
                                            <span class="meta">{format!(" ({} before it came too fast)", line.missed)}</span>
                                        })}
                                    </td>
                                </tr>
                            })
                            .collect_view()}
                    </tbody>
                </table>
            </section>
        }
    })
}

/// The end of its console, a way into it.
#[component]
fn LastLines() -> impl IntoView {
    let context = GuestContext::expect();
    let live = Live::expect();
    let tail = Resource::new(
        move || (context.id.get(), live.guest(context.id.get())),
        move |(id, _)| async move {
            // Asked by somebody who may not read, the whole page would count as refused.
            match context.guest.await {
                Ok(guest) if guest.access.may(GuestRight::ReadConsole).is_err() => Ok(ConsoleTail::default()),
                _ => guest_console_tail(id.ok_or_else(|| missing("guest"))?, 15).await,
            }
        },
    );
    view! {
        <Transition>
            {awaited(move || async move {
                let id = context.id.get_untracked();
                tail.await.ok().zip(id).filter(|(tail, _)| !tail.text.trim().is_empty()).map(|(tail, id)| view! {
                    <section class="last-lines">
                        <h2>"Last lines of the console" <a href=paths::guest_console(id)>"Open it"</a></h2>
                        <pre tabindex="0">{tail.text}</pre>
                    </section>
                })
            })}
        </Transition>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_is_a_sentence() {
        for (exit, said) in [
            (Exit::Crashed { signal: 6 }, "It crashed (134)"),
            (Exit::ShimLost, "Its shim was lost"),
            (Exit::HostRestarted, "The host was restarted"),
            (Exit::NotStarted { reason: "no kernel".into() }, "It could not start: no kernel"),
        ] {
            assert_eq!(sentence(&exit.to_string()), said);
        }
    }

    #[test]
    fn an_exit_code_is_said_in_words_too() {
        let said = |exit| meaning(&exit).unwrap_or_default();
        assert!(said(Exit::Crashed { signal: 6 }).contains("panicked"));
        assert!(said(Exit::Crashed { signal: 11 }).contains("signal 11, SIGSEGV"));
        assert!(said(Exit::Failed { status: 42 }).contains("exit code 42"));
        assert_eq!(meaning(&Exit::PoweredOff), None);
    }
}
