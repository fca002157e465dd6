//! The catalogue of kernels: where each came from, what it can do, who has it.

use leptos::form::ActionForm;
use leptos::prelude::*;
use umbel_guest::{KernelFeatures, KernelMode, PanelRight};

use super::add::AddForm;
use crate::api::kernels::{KernelAdd, KernelRemove, KernelSetRetired, KernelSetSettings, kernel_list};
use crate::live::Live;
use crate::parts::badge::Mark;
use crate::parts::copied::Copied;
use crate::parts::curve::size;
use crate::parts::form::Choice;
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited, failure};
use crate::parts::me::Me;
use crate::parts::pages::{Pages, asked};
use crate::parts::table::PageHead;
use crate::parts::title::Title;
use crate::paths;
use crate::shown::{KernelPage, KernelSettings, KernelShown, Who};

#[component]
pub fn KernelListPage() -> impl IntoView {
    let live = Live::expect();
    let (host, operations) = (live.host(), live.operations());
    let add = ServerAction::<KernelAdd>::new();
    let retire = ServerAction::<KernelSetRetired>::new();
    let remove = ServerAction::<KernelRemove>::new();
    let settle = ServerAction::<KernelSetSettings>::new();
    let cursor = asked("cursor");
    let kernels = Resource::new(
        move || {
            let own = (add.version().get(), retire.version().get(), remove.version().get(), settle.version().get());
            (host.get(), operations.get(), own, cursor.get())
        },
        |(_, _, _, cursor)| kernel_list(cursor),
    );
    let me = Me::expect();
    view! {
        <Title text="Kernels" />
        <PageHead title="Kernels" />
        <Failure error=failure(retire) />
        <Failure error=failure(remove) />
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                let manages = me.may(PanelRight::ManageKernels).await.is_ok();
                match kernels.await {
                    Ok(KernelPage { rows, next, settings, may_upload }) => view! {
                        <KernelTable kernels=rows manages=manages retire=retire remove=remove />
                        <Pages
                            first=(!cursor.get_untracked().is_empty()).then(|| paths::KERNELS.to_owned())
                            next=next.map(|cursor| paths::asking(paths::KERNELS, &[("cursor", &cursor)]))
                        />
                        {may_upload.then(|| view! { <AddForm add=add /> })}
                        {manages.then(|| view! { <Rights settings=settings settle=settle /> })}
                    }
                    .into_any(),
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn KernelTable(
    kernels: Vec<KernelShown>,
    manages: bool,
    retire: ServerAction<KernelSetRetired>,
    remove: ServerAction<KernelRemove>,
) -> impl IntoView {
    if kernels.is_empty() {
        return view! {
            <section class="empty small">
                <p>"There is no kernel, so no guest can start. Install the package user-mode-linux on the host, build ours with make kernel, or put one in below."</p>
            </section>
        }
        .into_any();
    }
    view! {
        <table class="table cards kernels">
            <thead>
                <tr>
                    <th>"Kernel"</th><th>"State"</th><th>"Can do"</th><th class="number">"Size"</th><th>"SHA-256"</th>
                    {manages.then(|| view! { <th>"Used by"</th><th><span class="visually-hidden">"Actions"</span></th> })}
                </tr>
            </thead>
            <tbody>
                {kernels
                    .into_iter()
                    .map(|kernel| view! { <KernelRow kernel=kernel manages=manages retire=retire remove=remove /> })
                    .collect_view()}
            </tbody>
        </table>
    }
    .into_any()
}

#[component]
fn KernelRow(
    kernel: KernelShown,
    manages: bool,
    retire: ServerAction<KernelSetRetired>,
    remove: ServerAction<KernelRemove>,
) -> impl IntoView {
    let size = size(kernel.size_bytes);
    let short: String = kernel.sha256.chars().take(12).collect();
    let (shape, class, words) = match (kernel.retired, kernel.is_default) {
        (true, _) => ("◌", "badge stopped", "Retired"),
        (false, true) => ("●", "badge running", "Default"),
        (false, false) => ("●", "badge stopped", "Offered"),
    };
    let abilities = abilities(&kernel.features);
    let file_systems = kernel.features.file_systems.join(", ");
    view! {
        <tr>
            <td data-label="Kernel">
                <span class="two-lines">
                    <strong>{kernel.id.to_string()}</strong>
                    <span class="meta">{format!("{}, {}", kernel.version, kernel.origin)}</span>
                    {(!kernel.note.is_empty()).then(|| view! { <span class="meta">{kernel.note.clone()}</span> })}
                </span>
            </td>
            <td data-label="State"><Mark shape=shape class=class words=words /></td>
            <td data-label="Can do">
                <div class="two-lines">
                    <ul class="abilities">
                        {abilities.into_iter().map(|(word, title)| view! { <li title=title>{word}</li> }).collect_view()}
                    </ul>
                    {(!file_systems.is_empty()).then(|| view! { <span class="meta">{file_systems}</span> })}
                </div>
            </td>
            <td data-label="Size" class="number">{size}</td>
            <td data-label="SHA-256"><Copied text=kernel.sha256.clone() short=short /></td>
            {manages.then(|| view! { <KernelActions kernel=kernel retire=retire remove=remove /> })}
        </tr>
    }
    .into_any()
}

/// Its users, and what may be done about it; what may not says why.
#[component]
fn KernelActions(
    kernel: KernelShown,
    retire: ServerAction<KernelSetRetired>,
    remove: ServerAction<KernelRemove>,
) -> impl IntoView {
    let refused = kept(&kernel);
    let why_id = format!("why-{}", kernel.id);
    let described = refused.is_some().then(|| why_id.clone());
    let disabled = refused.is_some();
    let name = kernel.id.to_string();
    let (id, same_id) = (name.clone(), name.clone());
    let (of_name, of_same_name) = (format!(" {name}"), format!(" {name}"));
    let title = refused.clone().unwrap_or_else(|| format!("Removes {name} from this host."));
    let (verb, effect) = if kernel.retired {
        ("Offer again", "New guests may have it again.")
    } else {
        ("Retire", "It is not offered any more; guests that have it keep it.")
    };
    let used = match kernel.used_by.len() {
        0 => "nobody".to_owned(),
        1..=3 => kernel.used_by.join(", "),
        many => format!("{many} guests"),
    };
    view! {
        <td data-label="Used by" title=kernel.used_by.join(", ")>{used}</td>
        <td class="row-actions">
            <ActionForm action=retire attr:class="inline">
                <input type="hidden" name="kernel" value=id />
                <input type="hidden" name="retired" value=(!kernel.retired).to_string() />
                <button class="button" type="submit" title=effect>
                    {verb} <span class="visually-hidden">{of_name}</span>
                </button>
            </ActionForm>
            <ActionForm action=remove attr:class="inline">
                <input type="hidden" name="kernel" value=same_id />
                <button
                    class="button danger"
                    type="submit"
                    disabled=disabled
                    title=title
                    aria-describedby=described
                >
                    "Remove" <span class="visually-hidden">{of_same_name}</span>
                </button>
            </ActionForm>
            {refused.map(|why| view! { <span class="visually-hidden" id=why_id>{why}</span> })}
        </td>
    }
    .into_any()
}

/// Why it can't be removed.
fn kept(kernel: &KernelShown) -> Option<String> {
    if !kernel.uploaded {
        return Some("It was found on the machine: remove it there, or retire it.".into());
    }
    (!kernel.used_by.is_empty()).then(|| format!("It is used by {}.", kernel.used_by.join(", ")))
}

/// What it was found to be able to, in a word each, with what that means.
fn abilities(features: &KernelFeatures) -> Vec<(&'static str, &'static str)> {
    [
        (features.modes.contains(&KernelMode::Fast), "fast", "Programs run with seccomp: quicker system calls"),
        (features.modes.contains(&KernelMode::Strict), "strict", "Programs run with ptrace and can't reach the kernel"),
        (features.vector, "network", "The vector driver: bridge and switch"),
        (features.tuntap, "tuntap", "The older driver eth0=tuntap: bridge"),
        (features.vde, "vde", "The older driver eth0=vde"),
        (features.ip_config, "ip=", "Is given its address on the command line"),
        (features.hostfs, "hostfs", "This host's files as its root"),
        (features.cow, "copy-on-write", "Disks that hold only what changed"),
        (features.time_travel, "time travel", "Idle time passes at once"),
    ]
    .into_iter()
    .filter(|(can, ..)| *can)
    .map(|(_, word, title)| (word, title))
    .collect()
}

/// Who may choose a kernel, and who may put one in.
#[component]
fn Rights(settings: KernelSettings, settle: ServerAction<KernelSetSettings>) -> impl IntoView {
    let error = failure(settle);
    let options = || Who::ALL.map(|who| (who.word().to_owned(), who.word().to_owned())).to_vec();
    view! {
        <section class="card">
            <h2>"Who may"</h2>
            <Failure error=error fields=&["choice", "upload"] />
            <ActionForm action=settle attr:class="form">
                <Choice
                    name="choice"
                    label="Give a guest another kernel than the default"
                    options=options()
                    chosen=settings.choice.word()
                    error=error
                />
                <Choice name="upload" label="Put kernels in" options=options() chosen=settings.upload.word() error=error />
                <button class="button" type="submit">"Save"</button>
            </ActionForm>
        </section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kernel_can_is_said_in_words() {
        let features = KernelFeatures { modes: vec![KernelMode::Strict], hostfs: true, ..KernelFeatures::default() };
        let words: Vec<_> = abilities(&features).into_iter().map(|(word, _)| word).collect();
        assert_eq!(words, ["strict", "hostfs"]);
    }
}
