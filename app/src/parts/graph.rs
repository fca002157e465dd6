//! Small graphs in a row: drawn by the server, so that they are there without scripts, and asked for
//! again while somebody looks.

use leptos::prelude::*;
use leptos_router::hooks::{use_location, use_query_map};
use umbel_guest::Span;

use super::curve::{COLUMNS, HEIGHT, bytes, columns, newest, path, percent, rate, top};
use crate::shown::MetricsShown;

/// One line of a graph, with its name where there are two.
struct Line {
    name: &'static str,
    samples: Vec<Option<u32>>,
}

fn line(name: &'static str, samples: Vec<Option<u32>>) -> Line {
    Line { name, samples }
}

/// The range that the page's address asks for.
pub fn chosen_span() -> Memo<Span> {
    let query = use_query_map();
    Memo::new(move |_| match query.with(|q| q.get("range")).as_deref() {
        Some("day") => Span::Day,
        _ => Span::Hour,
    })
}

/// Grows as often as there is something new to draw, while the page is looked at. Stays 0 on the server.
pub fn ticks(every_s: u64) -> RwSignal<u64> {
    let ticks = RwSignal::new(0);
    Effect::new(move |_| {
        let step = std::time::Duration::from_secs(every_s);
        let tick = move || {
            if !document().hidden() {
                ticks.update(|n| *n += 1);
            }
        };
        if let Ok(timer) = set_interval_with_handle(tick, step) {
            on_cleanup(move || timer.clear());
        }
    });
    ticks
}

/// Links, so that the range outlives a reload and works without scripts.
#[component]
pub fn Ranges(span: Memo<Span>) -> impl IntoView {
    let path = use_location().pathname;
    let link = move |of: Span, words: &'static str, range: &'static str| {
        let current = move || (span.get() == of).then_some("true");
        view! { <a class="button" href=move || format!("{}?range={range}", path.get()) aria-current=current>{words}</a> }
    };
    view! {
        <nav class="segments ranges" aria-label="Range of the graphs">
            {link(Span::Hour, "1 h", "hour")}
            {link(Span::Day, "1 day", "day")}
        </nav>
    }
    .into_any()
}

/// CPU, memory, network and disk. The scales of CPU and memory end at these values at least.
#[component]
pub fn Graphs(shown: MetricsShown, cpu_least_permille: u32, memory_least_kib: u32) -> impl IntoView {
    let MetricsShown {
        span,
        cpu_permille,
        memory_kib,
        net_in_kib_s,
        net_out_kib_s,
        disk_read_kib_s,
        disk_write_kib_s,
        ..
    } = shown;
    let net = vec![line("in", net_in_kib_s), line("out", net_out_kib_s)];
    let disk = vec![line("read", disk_read_kib_s), line("written", disk_write_kib_s)];
    view! {
        <div class="graphs">
            <Graph title="CPU" lines=vec![line("", cpu_permille)] least=cpu_least_permille words=percent span=span />
            <Graph title="Memory" lines=vec![line("", memory_kib)] least=memory_least_kib words=bytes span=span />
            <Graph title="Network" lines=net least=100 words=rate span=span />
            <Graph title="Disk" lines=disk least=100 words=rate span=span />
        </div>
    }
    .into_any()
}

#[component]
fn Graph(title: &'static str, lines: Vec<Line>, least: u32, words: fn(u32) -> String, span: Span) -> impl IntoView {
    let scale = top(&lines.iter().map(|line| line.samples.as_slice()).collect::<Vec<_>>(), least);
    let now = lines.iter().map(|line| match newest(&line.samples) {
        Some(value) => format!("{} {}", words(value), line.name).trim_end().to_owned(),
        None => "–".to_owned(),
    });
    let mut now: Vec<String> = now.collect();
    if now.iter().all(|text| text == "–") {
        now.truncate(1);
    }
    let now = now.join(" · ");
    let ago = match span {
        Span::Hour => "1 h ago",
        Span::Day => "1 day ago",
    };
    let label = format!("{title} since {ago}, at most {} on the scale; now {now}", words(scale));
    let paths = lines
        .iter()
        .enumerate()
        .map(|(i, line)| {
            let drawn = path(&columns(&line.samples), scale);
            view! { <path class=if i == 0 { "curve" } else { "curve second" } d=drawn></path> }
        })
        .collect_view();
    view! {
        <figure class="graph">
            <figcaption><span class="meta">{title}</span> <span class="number">{now}</span></figcaption>
            <svg
                class="curves"
                role="img"
                aria-label=label
                viewBox=format!("0 -1 {COLUMNS} {}", HEIGHT + 2)
                preserveAspectRatio="none"
            >
                {paths}
            </svg>
            <p class="graph-scale"><span>{ago}</span> <span>{words(scale)}</span></p>
        </figure>
    }
    .into_any()
}
