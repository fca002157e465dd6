use leptos::form::ActionForm;
use leptos::prelude::*;
use umbel_guest::quota::{Amounts, Kind, Standing, bandwidth};
use umbel_guest::size::in_words;
use umbel_guest::{Attachment, Clock, DiskKind, DiskSize, ImageKind, KernelMode, Limits, RestartPolicy};

use super::choices::{AutostartChoice, KernelFields, LimitFields, network_cards};
use crate::AppError;
use crate::api::guests::{GuestCreate, guest_choices};
use crate::parts::cards::first_free;
use crate::parts::form::{Choice, FieldError, TextField};
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited, failure};
use crate::parts::setup::SetupFields;
use crate::parts::table::PageHead;
use crate::parts::title::Title;
use crate::paths;
use crate::shown::{GroupChoice, GuestForm, ImageChoice};

/// Memory on the size cards, in MiB.
const SIZES_MIB: [u32; 4] = [64, 128, 256, 512];

/// Fields that this page shows an error beside.
const FIELDS: &[&str] = &[
    "name",
    "group",
    "image",
    "kernel",
    "mode",
    "clock",
    "network",
    "memory_mib",
    "memory_exact",
    "disk_mib",
    "disk_kind",
    "restart_policy",
    "autostart",
    "cpu_weight",
    "cpu_percent",
    "processes",
    "net_mbit",
    "disk_mib_s",
    "note",
    "user",
    "password",
    "account_keys",
    "ssh_keys",
    "user_data",
];

#[component]
pub fn GuestNewPage() -> impl IntoView {
    let form = Resource::new(|| (), |()| guest_choices());
    let create = ServerAction::<GuestCreate>::new();
    let error = failure(create);
    view! {
        <Title text="New guest" />
        <PageHead title="New guest" />
        <Failure error=error fields=FIELDS />
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                match form.await {
                    Ok(form) => view! { <NewForm form=form create=create error=error /> }.into_any(),
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn NewForm(form: GuestForm, create: ServerAction<GuestCreate>, error: Signal<Option<AppError>>) -> impl IntoView {
    if form.images.is_empty() {
        return view! {
            <section class="empty">
                <p>"There is no image to make a guest of yet. The first one is prepared when the panel and its agent start."</p>
                <a class="button" href=paths::GUEST_NEW rel="external">"Look again"</a>
            </section>
        }
        .into_any();
    }
    let pending = create.pending();
    let suggested = form.images[0].suggested_memory.mib();
    let kernels = form.kernels;
    let first = kernels.iter().find(|k| k.refused.is_none()).or(kernels.first());
    let kernel = first.map(|k| k.id.to_string()).unwrap_or_default();
    let network_of = |id: &str| {
        let kernel = kernels.iter().find(|k| k.id.as_str() == id);
        first_free(&kernel.map(network_cards).unwrap_or_default(), Attachment::Bridge.word())
    };
    let disks = form.disks.iter().map(|d| (d.mib().to_string(), in_words(d.mib()))).collect();
    let disk = form.disks.iter().find(|d| **d >= DiskSize::DEFAULT).or(form.disks.last());
    let disk = disk.map(|d| d.mib().to_string()).unwrap_or_default();
    let chosen = RwSignal::new(Chosen {
        name: form.suggested_name.clone(),
        image: form.images[0].id.to_string(),
        host_tree: form.images[0].kind == ImageKind::HostTree,
        network: network_of(&kernel),
        kernel,
        mode: KernelMode::default().word().to_owned(),
        clock: Clock::default().word().to_owned(),
        memory_mib: suggested.to_string(),
        memory_exact: String::new(),
        disk_mib: disk.clone(),
        cpu_weight: Limits::default().cpu_weight.to_string(),
        net_mbit: String::new(),
        group: String::new(),
    });
    let trees: Vec<String> =
        form.images.iter().filter(|i| i.kind == ImageKind::HostTree).map(|i| i.id.to_string()).collect();
    let available = form.memory_available_mib;
    let owners: Vec<(String, String)> = std::iter::once((String::new(), "yourself".to_owned()))
        .chain(form.groups.iter().map(|group| (group.id.to_string(), group.name.to_string())))
        .collect();
    let quota = Quotas::new(form.quota, form.groups);
    let short = short(quota, chosen);
    let of_memory = quota.most_left(Kind::Memory);
    view! {
        <div class="with-summary">
        <ActionForm action=create attr:class="form" on:input=move |event| chosen.update(|c| c.hear(&event, &trees))>
            <TextField
                name="name"
                label="Name"
                value=form.suggested_name
                error=error
                hint="Also its host name: a–z, 0–9 and -."
                focus=true
            />
            {(owners.len() > 1).then(|| view! { <Choice name="group" label="For" options=owners chosen="" error=error /> })}
            <ImageCards images=form.images error=error />
            <SizeCards suggested=suggested available=available of_quota=of_memory error=error />
            <details class="advanced">
                <summary>"Who signs in, and a script"</summary>
                <SetupFields keys=form.keys error=error />
            </details>
            <details class="advanced">
                <summary>"Advanced"</summary>
                <KernelFields
                    kernels=kernels
                    kernel=Memo::new(move |_| chosen.with(|c| c.kernel.clone()))
                    mode=Signal::derive(move || chosen.with(|c| c.mode.clone()))
                    clock=Signal::derive(move || chosen.with(|c| c.clock.clone()))
                    network=Signal::derive(move || chosen.with(|c| c.network.clone()))
                    error=error
                />
                <TextField
                    name="memory_exact"
                    label="Memory in MiB"
                    kind="number"
                    hint="Empty: the size chosen above."
                    error=error
                />
                <Choice name="disk_mib" label="Disk" options=disks chosen=disk error=error />
                <DiskChoice host_tree=Memo::new(move |_| chosen.with(|c| c.host_tree)) error=error />
                <RestartChoice chosen=RestartPolicy::default() error=error />
                <AutostartChoice chosen=true error=error />
                <h2>"Limits"</h2>
                <LimitFields limits=Limits::default() error=error />
                <div class="field">
                    <label for="note">"Note"</label>
                    <textarea id="note" name="note" rows="3" aria-describedby="note-error"></textarea>
                    <FieldError field="note" error=error />
                </div>
            </details>
            <div class="form-actions">
                <button
                    class="button primary"
                    type="submit"
                    disabled=move || pending.get() || !short.with(String::is_empty)
                    aria-describedby="create-short"
                >
                    "Create guest"
                </button>
                <a class="button" href=paths::GUESTS>"Cancel"</a>
            </div>
            <p class="hint" id="create-short" aria-live="polite">
                {move || Some(short.get()).filter(|why| !why.is_empty())}
            </p>
        </ActionForm>
        <Summary chosen=chosen available=available quota=quota />
        </div>
    }
    .into_any()
}

/// What the form holds now, for the summary beside it; the form itself is what is sent.
#[derive(Clone, Debug)]
struct Chosen {
    name: String,
    image: String,
    /// Whether the image is the host's own files.
    host_tree: bool,
    kernel: String,
    mode: String,
    clock: String,
    network: String,
    memory_mib: String,
    memory_exact: String,
    disk_mib: String,
    cpu_weight: String,
    net_mbit: String,
    /// The id of the group that it is for; nothing is oneself.
    group: String,
}

/// What is left to oneself, and to each group that one manages.
#[derive(Clone, Copy)]
struct Quotas(StoredValue<Vec<(String, Vec<Standing>)>>);

impl Quotas {
    fn new(own: Vec<Standing>, groups: Vec<GroupChoice>) -> Self {
        let groups = groups.into_iter().map(|group| (group.id.to_string(), group.quota));
        Self(StoredValue::new(std::iter::once((String::new(), own)).chain(groups).collect()))
    }

    /// Of whom the guest is for.
    fn with<Out>(self, chosen: &Chosen, read: impl FnOnce(&[Standing]) -> Out) -> Out {
        self.0.with_value(|all| {
            let found = all.iter().find(|(group, _)| *group == chosen.group);
            read(found.map_or(&[], |(_, quota)| quota))
        })
    }

    /// Whoever it is for; `None` is as much as there is.
    fn most_left(self, kind: Kind) -> Option<u64> {
        self.0.with_value(|all| {
            all.iter().map(|(_, quota)| left(quota, kind)).try_fold(0, |most, left| Some(most.max(left?)))
        })
    }
}

impl Chosen {
    /// Something was typed or chosen in the form; `trees` are the images that are the host's own files.
    fn hear(&mut self, event: &leptos::ev::Event, trees: &[String]) {
        #[cfg(feature = "hydrate")]
        {
            use wasm_bindgen::JsCast as _;

            let Some(field) = event.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok()) else { return };
            let value = event_target_value(event);
            match field.get_attribute("name").as_deref() {
                Some("name") => self.name = value,
                Some("image") => {
                    self.host_tree = trees.contains(&value);
                    self.image = value;
                }
                Some("mode") => self.mode = value,
                Some("clock") => self.clock = value,
                Some("network") => self.network = value,
                Some("kernel") => self.kernel = value,
                Some("memory_mib") => self.memory_mib = value,
                Some("memory_exact") => self.memory_exact = value,
                Some("disk_mib") => self.disk_mib = value,
                Some("cpu_weight") => self.cpu_weight = value,
                Some("net_mbit") => self.net_mbit = value,
                Some("group") => self.group = value,
                _ => {}
            }
        }
        #[cfg(not(feature = "hydrate"))]
        let _ = (self, event, trees);
    }

    fn memory(&self) -> Option<u32> {
        let exact = self.memory_exact.trim();
        if exact.is_empty() { self.memory_mib.parse().ok() } else { exact.parse().ok() }
    }

    /// What the guest will hold, as far as the form says.
    fn asks(&self) -> Amounts {
        let disk = if self.host_tree { 0 } else { self.disk_mib.parse().unwrap_or_default() };
        let network: Attachment = self.network.parse().unwrap_or_default();
        Amounts::default()
            .with(Kind::Guests, 1)
            .with(Kind::Running, 1)
            .with(Kind::Memory, self.memory().unwrap_or_default().into())
            .with(Kind::CpuWeight, self.cpu_weight.trim().parse().unwrap_or(Limits::default().cpu_weight.into()))
            .with(Kind::Disk, disk)
            .with(Kind::Taps, u64::from(network == Attachment::Bridge))
            .with(Kind::Bandwidth, bandwidth(network, self.net_mbit.trim().parse().ok()).into())
    }

    /// The same as a call.
    fn call(&self) -> String {
        let body = serde_json::json!({
            "name": self.name,
            "group": Some(&self.group).filter(|group| !group.is_empty()),
            "image": self.image,
            "kernel": self.kernel,
            "memory_mib": self.memory(),
            "disk_mib": self.disk_mib.parse::<u32>().ok(),
            "disk_kind": if self.host_tree { DiskKind::Memory } else { DiskKind::default() },
            "mode": self.mode,
            "clock": self.clock,
            "network": self.network,
        });
        format!("POST {}/guests\n{body:#}", paths::API)
    }
}

/// Why the quota has no room for what is chosen; empty where it has. As the page is sent, what can be chosen
/// otherwise counts for nothing: without scripts nobody knows what is chosen.
fn short(quota: Quotas, chosen: RwSignal<Chosen>) -> Memo<String> {
    let live = RwSignal::new(false);
    Effect::new(move || live.set(true));
    Memo::new(move |_| {
        let always = [Kind::Guests, Kind::Running];
        let chosen = chosen.read();
        let asks = chosen.asks();
        quota.with(&chosen, |quota| {
            let counted = quota.iter().filter(|standing| live.get() || always.contains(&standing.kind));
            let refused = counted.filter_map(|standing| standing.check(asks.of(standing.kind)).err());
            refused.map(|refused| refused.to_string()).collect::<Vec<_>>().join(" ")
        })
    })
}

/// `None` is as much as there is.
fn left(quota: &[Standing], kind: Kind) -> Option<u64> {
    quota.iter().find(|standing| standing.kind == kind)?.left()
}

/// What will be made, and what is left after it.
#[component]
fn Summary(chosen: RwSignal<Chosen>, available: u32, quota: Quotas) -> impl IntoView {
    let after = move || {
        let chosen = chosen.read();
        let asked = chosen.asks();
        let row = |standing: &Standing| {
            let kind = standing.kind;
            let left = match standing.left()?.checked_sub(asked.of(kind)) {
                Some(left) => kind.amount(left),
                None => "not enough".to_owned(),
            };
            Some(view! { <dt>{kind.title()}</dt><dd>{left}</dd> })
        };
        quota.with(&chosen, |quota| {
            let rows = quota.iter().filter(|standing| standing.kind != Kind::Ports).filter_map(row).collect::<Vec<_>>();
            (!rows.is_empty()).then(|| view! { <h2>"Left of the quota after it"</h2><dl>{rows}</dl> })
        })
    };
    let memory = move || chosen.with(|c| c.memory().map_or_else(|| "–".to_owned(), in_words));
    let host_left = move || {
        chosen.with(|c| match c.memory() {
            Some(mib) if mib <= available => in_words(available - mib),
            Some(_) => "not enough".to_owned(),
            None => "–".to_owned(),
        })
    };
    let disk = move || chosen.with(|c| c.disk_mib.parse().map_or_else(|_| "–".to_owned(), in_words));
    view! {
        <aside class="summary needs-scripts" aria-label="Summary">
            <h2>"Summary"</h2>
            <dl>
                <dt>"Name"</dt><dd>{move || chosen.with(|c| c.name.clone())}</dd>
                <dt>"Image"</dt><dd>{move || chosen.with(|c| c.image.clone())}</dd>
                <dt>"Kernel"</dt><dd>{move || chosen.with(|c| c.kernel.clone())}</dd>
                <dt>"Network"</dt><dd>{move || chosen.with(|c| c.network.clone())}</dd>
                <dt>"Memory"</dt><dd>{memory}</dd>
                <dt>"Disk"</dt><dd>{disk}</dd>
                <dt>"Memory left on the host"</dt><dd>{host_left}</dd>
            </dl>
            {after}
            <details>
                <summary>"The same as a call"</summary>
                <pre tabindex="0">{move || chosen.with(Chosen::call)}</pre>
            </details>
        </aside>
    }
    .into_any()
}

/// How its disk is kept. The host's own files are read-only, so that there is only one way; without
/// scripts all are offered and the panel says which one doesn't fit.
#[component]
fn DiskChoice(host_tree: Memo<bool>, error: Signal<Option<AppError>>) -> impl IntoView {
    let options = move || {
        let tree = host_tree.get();
        let kinds = DiskKind::ALL.iter().map(|kind| {
            let memory = *kind == DiskKind::Memory;
            view! {
                <option value=kind.word() selected=if tree { memory } else { *kind == DiskKind::default() }>
                    {disk_words(*kind)}
                </option>
            }
        });
        kinds.collect_view()
    };
    view! {
        <div class="field">
            <label for="disk_kind">"Kind of disk"</label>
            <select id="disk_kind" name="disk_kind" aria-describedby="disk_kind-hint disk_kind-error">{options}</select>
            <p class="hint" id="disk_kind-hint">
                {move || match host_tree.get() {
                    true => "This host's files are read-only: what the guest writes lies in its memory.",
                    false => "In memory is for “This host's files” only.",
                }}
            </p>
            <FieldError field="disk_kind" error=error />
        </div>
    }
    .into_any()
}

fn disk_words(kind: DiskKind) -> &'static str {
    match kind {
        DiskKind::Cow => "Only what changes is stored (made at once)",
        DiskKind::Plain => "A full copy of the image",
        DiskKind::Memory => "In memory, gone when it stops",
    }
}

pub(super) fn policy_words(policy: RestartPolicy) -> &'static str {
    match policy {
        RestartPolicy::Never => "Stay down after a crash",
        RestartPolicy::OnFailure => "Start again after a crash, waiting longer each time",
        RestartPolicy::Always => "Start again after any end that nobody asked for",
    }
}

#[component]
pub(super) fn RestartChoice(
    chosen: RestartPolicy,
    error: Signal<Option<AppError>>,
    #[prop(optional)] disabled: bool,
) -> impl IntoView {
    let options = RestartPolicy::ALL.iter().map(|p| (p.word().to_owned(), policy_words(*p).to_owned())).collect();
    view! {
        <Choice name="restart_policy" label="Restart" options=options chosen=chosen.word() error=error disabled=disabled />
    }
}

fn deprecated_words(why: &str) -> String {
    if why.is_empty() { "Deprecated.".to_owned() } else { format!("Deprecated: {why}") }
}

#[component]
fn ImageCards(images: Vec<ImageChoice>, error: Signal<Option<AppError>>) -> impl IntoView {
    view! {
        <fieldset class="field">
            <legend>"Image"</legend>
            <div class="choice-cards">
                {images
                    .into_iter()
                    .enumerate()
                    .map(|(i, image)| view! {
                        <label class="choice-card">
                            <input type="radio" name="image" value=image.id.to_string() checked=i == 0 />
                            <span class="choice-title">{image.title}</span>
                            <span class="meta">{image.id.to_string()}</span>
                            <span class="meta">{image.description}</span>
                            {image.deprecated.map(|why| view! { <span class="meta">{deprecated_words(&why)}</span> })}
                        </label>
                    })
                    .collect_view()}
            </div>
            <FieldError field="image" error=error />
        </fieldset>
    }
    .into_any()
}

/// Sizes that the host or one's quota has no room for can't be chosen, and say so.
#[component]
fn SizeCards(suggested: u32, available: u32, of_quota: Option<u64>, error: Signal<Option<AppError>>) -> impl IntoView {
    let mut sizes = SIZES_MIB.to_vec();
    if !sizes.contains(&suggested) {
        sizes.push(suggested);
        sizes.sort_unstable();
    }
    view! {
        <fieldset class="field">
            <legend>"Memory"</legend>
            <div class="choice-cards">
                {sizes
                    .into_iter()
                    .map(|mib| {
                        let refused = match of_quota {
                            _ if mib > available => Some(format!("more than the {} that are free", in_words(available))),
                            Some(left) if u64::from(mib) > left => {
                                Some(format!("more than the {} left of your quota", Kind::Memory.amount(left)))
                            }
                            _ => None,
                        };
                        let fits = refused.is_none();
                        let left = refused.unwrap_or_else(|| format!("{} left after it", in_words(available - mib)));
                        view! {
                            <label class="choice-card">
                                <input
                                    type="radio"
                                    name="memory_mib"
                                    value=mib.to_string()
                                    checked=mib == suggested
                                    disabled=!fits
                                />
                                <span class="choice-title">{in_words(mib)}</span>
                                <span class="meta">{left}</span>
                            </label>
                        }
                    })
                    .collect_view()}
            </div>
            <FieldError field="memory_mib" error=error />
        </fieldset>
    }
    .into_any()
}
