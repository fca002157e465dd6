//! What a guest's form offers, each with what it means: the same for a new guest and for one that is
//! changed.

use leptos::prelude::*;
use umbel_guest::{Attachment, Clock, KernelMode, Limits};

use crate::AppError;
use crate::parts::cards::{Card, Cards};
use crate::parts::form::{Choice, TextField};
use crate::shown::{Choice as Offered, KernelChoice};

/// Fields of the limits.
pub const LIMITS: &[&str] = &["cpu_weight", "cpu_percent", "processes", "net_mbit", "disk_mib_s"];

fn cards<T: Copy>(
    offered: &[Offered<T>],
    word: fn(T) -> &'static str,
    words: fn(T) -> (&'static str, &'static str),
) -> Vec<Card> {
    let card = |offer: &Offered<T>| {
        let (title, meaning) = words(offer.value);
        let value = word(offer.value).to_owned();
        Card { value, title: title.into(), meaning: meaning.into(), refused: offer.refused.clone() }
    };
    offered.iter().map(card).collect()
}

pub fn mode_words(mode: KernelMode) -> (&'static str, &'static str) {
    match mode {
        KernelMode::Strict => ("Strict", "The guest's programs can't reach its kernel. Slower system calls (ptrace)."),
        KernelMode::Fast => (
            "Fast",
            "Quicker (seccomp), but any program of the guest can reach all of the guest's memory. The walls around the guest are the same.",
        ),
    }
}

pub fn clock_words(clock: Clock) -> (&'static str, &'static str) {
    match clock {
        Clock::Real => ("Real", "The same time as here."),
        Clock::TimeTravel => (
            "Time travel",
            "Idle time passes at once: a sleep of a day takes no time, and the guest's clock soon has nothing to do with ours.",
        ),
    }
}

pub fn network_words(network: Attachment) -> (&'static str, &'static str) {
    match network {
        Attachment::None => ("None", "No network card."),
        Attachment::Bridge => {
            ("Bridge", "An address in your network, a way out, and ports of this host that you lead to it.")
        }
        Attachment::Switch => ("Switch", "Your guests on the switch reach one another, and nothing else."),
    }
}

pub fn mode_cards(kernel: &KernelChoice) -> Vec<Card> {
    cards(&kernel.modes, KernelMode::word, mode_words)
}

pub fn clock_cards(kernel: &KernelChoice) -> Vec<Card> {
    cards(&kernel.clocks, Clock::word, clock_words)
}

pub fn network_cards(kernel: &KernelChoice) -> Vec<Card> {
    // Most people want the bridge, so it comes first.
    let mut cards = cards(&kernel.networks, Attachment::word, network_words);
    cards.sort_by_key(|card| card.value == Attachment::None.word());
    cards.sort_by_key(|card| card.value != Attachment::Bridge.word());
    cards
}

/// Kernels as a list; one that can't be had is there, with the reason.
pub fn kernel_options(kernels: &[KernelChoice]) -> Vec<(String, String)> {
    kernels
        .iter()
        .filter(|kernel| kernel.refused.is_none())
        .map(|kernel| {
            let default = if kernel.is_default { ", the default" } else { "" };
            (kernel.id.to_string(), format!("{} ({}{default})", kernel.version, kernel.origin))
        })
        .collect()
}

/// Why other kernels can't be chosen, if there are any.
pub fn kernel_hint(kernels: &[KernelChoice]) -> Option<String> {
    let refused: Vec<_> = kernels.iter().filter(|kernel| kernel.refused.is_some()).collect();
    let why = refused.first()?.refused.clone()?;
    let names = refused.iter().map(|kernel| kernel.id.to_string()).collect::<Vec<_>>().join(", ");
    Some(format!("Not to be had: {names}. {why}"))
}

/// What this kernel can do. Of one that is not offered any more, which its guest may keep, the page knows
/// too little to refuse anything; the panel does.
fn of_kernel(kernels: &[KernelChoice], id: &str, cards: fn(&KernelChoice) -> Vec<Card>) -> Vec<Card> {
    match kernels.iter().find(|kernel| kernel.id.as_str() == id) {
        Some(kernel) => cards(kernel),
        None => {
            let all = kernels.first().map(cards).unwrap_or_default();
            all.into_iter().map(|card| Card { refused: None, ..card }).collect()
        }
    }
}

/// Kernel, mode, clock and network; the last three offer what the kernel that is chosen can do.
#[component]
pub fn KernelFields(
    kernels: Vec<KernelChoice>,
    /// The kernel that is chosen, by id.
    #[prop(into)]
    kernel: Signal<String>,
    #[prop(into)] mode: Signal<String>,
    #[prop(into)] clock: Signal<String>,
    #[prop(into)] network: Signal<String>,
    #[prop(into)] error: Signal<Option<AppError>>,
) -> impl IntoView {
    let mut options = kernel_options(&kernels);
    let chosen = kernel.get_untracked();
    if !chosen.is_empty() && !options.iter().any(|(value, _)| *value == chosen) {
        options.push((chosen.clone(), chosen.clone()));
    }
    let hint = kernel_hint(&kernels);
    let kernels = StoredValue::new(kernels);
    let of = move |cards: fn(&KernelChoice) -> Vec<Card>| {
        Memo::new(move |_| {
            let id = kernel.get();
            kernels.with_value(|all| of_kernel(all, &id, cards))
        })
    };
    view! {
        <Choice name="kernel" label="Kernel" options=options chosen=chosen error=error />
        {hint.map(|hint| view! { <p class="hint">{hint}</p> })}
        <Cards name="mode" label="How it runs programs" cards=of(mode_cards) chosen=mode error=error />
        <Cards name="clock" label="Clock" cards=of(clock_cards) chosen=clock error=error />
        <Cards name="network" label="Network" cards=of(network_cards) chosen=network error=error />
    }
    .into_any()
}

/// How much of the host it may take.
#[component]
pub fn LimitFields(limits: Limits, #[prop(into)] error: Signal<Option<AppError>>) -> impl IntoView {
    let text = |value: Option<u32>| value.map(|v| v.to_string()).unwrap_or_default();
    view! {
        <div class="columns">
            <TextField
                name="cpu_weight"
                label="CPU weight"
                kind="number"
                value=limits.cpu_weight.to_string()
                hint="Its share when processors are short; 100 is usual."
                error=error
            />
            <TextField
                name="cpu_percent"
                label="CPU at most, in %"
                kind="number"
                value=text(limits.cpu_percent)
                hint="100 is one whole core. Empty: no limit."
                error=error
            />
            <TextField
                name="processes"
                label="Processes"
                kind="number"
                value=limits.processes.to_string()
                hint="On the host: one for each program of the guest."
                error=error
            />
            <TextField
                name="net_mbit"
                label="Network, in Mbit/s"
                kind="number"
                value=text(limits.net_mbit)
                hint="In each direction. Empty: no limit, which a quota counts as 40,000."
                error=error
            />
            <TextField
                name="disk_mib_s"
                label="Disk, in MiB/s"
                kind="number"
                value=text(limits.disk_mib_s)
                hint="Reading and writing each, as far as the host can hold it back. Empty: no limit."
                error=error
            />
        </div>
    }
    .into_any()
}

#[component]
pub fn AutostartChoice(chosen: bool, #[prop(into)] error: Signal<Option<AppError>>) -> impl IntoView {
    let options = vec![
        ("true".to_owned(), "Start again with the host, if it ran".to_owned()),
        ("false".to_owned(), "Stay down after the host was restarted".to_owned()),
    ];
    view! { <Choice name="autostart" label="When the host starts" options=options chosen=chosen.to_string() error=error /> }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(bridge: Option<&str>) -> KernelChoice {
        let network = |value, refused: Option<&str>| Offered { value, refused: refused.map(str::to_owned) };
        KernelChoice {
            id: "debian-6.1".parse().expect("an id"),
            version: "6.1".into(),
            origin: "Debian".into(),
            is_default: true,
            refused: None,
            features: Default::default(),
            modes: Vec::new(),
            clocks: Vec::new(),
            networks: vec![
                network(Attachment::None, None),
                network(Attachment::Bridge, bridge),
                network(Attachment::Switch, None),
            ],
        }
    }

    #[test]
    fn the_bridge_is_chosen_where_it_can_be_had() {
        use crate::parts::cards::first_free;

        assert_eq!(first_free(&network_cards(&kernel(None)), "bridge"), "bridge");
        let cards = network_cards(&kernel(Some("No root here.")));
        assert_eq!(cards[0].refused.as_deref(), Some("No root here."));
        assert_eq!(first_free(&cards, "none"), "none");
    }

    #[test]
    fn nothing_is_refused_for_a_kernel_that_the_page_does_not_know() {
        let offered = [kernel(Some("No root here."))];
        let refused = |id: &str| of_kernel(&offered, id, network_cards).iter().filter(|c| c.refused.is_some()).count();
        assert_eq!((refused("debian-6.1"), refused("retired-5.10")), (1, 0));
    }
}
