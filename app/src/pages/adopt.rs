//! A guest that somebody ran by hand becomes one here: its command line is read, its image is copied.

use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use umbel_guest::GuestDraft;

use super::guests::choices::{clock_words, kernel_options, mode_words, network_words};
use crate::AppError;
use crate::api::guests::guest_choices;
use crate::api::strays::{GuestAdopt, adopt_read, stray_list};
use crate::parts::cards::{Card, Cards};
use crate::parts::curve::size;
use crate::parts::form::{Choice, TextField};
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited, failure};
use crate::parts::table::{Fact, PageHead};
use crate::parts::title::Title;
use crate::paths;
use crate::shown::{AdoptShown, KernelChoice, StrayShown};

/// Fields that the last form shows an error beside.
const FIELDS: &[&str] = &["stray", "name", "kernel", "memory_mib"];

#[component]
pub fn AdoptPage() -> impl IntoView {
    let query = use_query_map();
    // In the address, so that it works without scripts and can be gone back to.
    let line = Memo::new(move |_| query.with(|q| q.get("line")).unwrap_or_default());
    let read = Resource::new(
        move || line.get(),
        |line| async move {
            match line.trim() {
                "" => Ok(None),
                _ => adopt_read(line).await.map(Some),
            }
        },
    );
    let strays = Resource::new(|| (), |()| stray_list());
    let form = Resource::new(|| (), |()| guest_choices());
    view! {
        <Title text="Adopt a guest" />
        <PageHead title="Adopt a guest" />
        <p class="note">
            "A guest that you ran by hand goes on here: what its kernel's command line says is taken over as far as it has a meaning here, and its root image is copied. The image itself stays as it is."
        </p>
        <section class="card">
            <h2>"1. Its command line"</h2>
            <form class="form" method="get" action=paths::ADOPT>
                <div class="field">
                    <label for="line">"Command line"</label>
                    <textarea
                        id="line"
                        name="line"
                        rows="3"
                        maxlength="4096"
                        spellcheck="false"
                        class="mono"
                        placeholder="./linux ubd0=root_fs mem=128M umid=web eth0=tuntap,tap0 con=pty"
                    >
                        {line.get_untracked()}
                    </textarea>
                    <p class="hint">"Nothing of it is run or passed on."</p>
                </div>
                <button class="button" type="submit">"Read it"</button>
            </form>
        </section>
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                match (read.await, strays.await, form.await) {
                    (Ok(None), Ok(strays), _) => view! { <Strays strays=strays /> }.into_any(),
                    (Ok(Some(read)), Ok(strays), Ok(form)) => {
                        view! { <Read read=read strays=strays kernels=form.kernels /> }.into_any()
                    }
                    (Err(AppError::Invalid(wrong)), ..) => {
                        let error = AppError::Invalid(wrong);
                        view! { <Failure error=Signal::stored(Some(error)) /> }.into_any()
                    }
                    (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

/// What there is to adopt, before anything was read.
#[component]
fn Strays(strays: Vec<StrayShown>) -> impl IntoView {
    match strays.len() {
        0 => view! { <NoStrays /> }.into_any(),
        1 => view! { <p class="meta">"One image lies ready."</p> }.into_any(),
        many => view! { <p class="meta">{format!("{many} images lie ready.")}</p> }.into_any(),
    }
}

#[component]
fn NoStrays() -> impl IntoView {
    view! {
        <p class="notice attention">
            "No image lies ready. Copy the root image, of a guest that is shut down, into the directory "
            <code>"adopt"</code> " of the agent's data on the host, then look again."
        </p>
    }
}

/// What it means here, what is left out and why, and the last step.
#[component]
fn Read(read: AdoptShown, strays: Vec<StrayShown>, kernels: Vec<KernelChoice>) -> impl IntoView {
    let AdoptShown { draft, left_out } = read;
    let left: Vec<(String, String)> = left_out
        .iter()
        .map(|line| {
            let (word, why) = line.split_once(": ").unwrap_or((line, ""));
            (word.to_owned(), why.to_owned())
        })
        .collect();
    let name = if draft.name.is_empty() { "–".to_owned() } else { draft.name.clone() };
    let (memory, network) = (umbel_guest::size::in_words(draft.memory_mib), network_words(draft.network).0);
    let (mode, clock) = (mode_words(draft.mode).0, clock_words(draft.clock).0);
    view! {
        <section class="card">
            <h2>"2. What it means here"</h2>
            <dl class="facts four">
                <Fact label="Name">{name}</Fact>
                <Fact label="Memory">{memory}</Fact>
                <Fact label="Network">{network}</Fact>
                <Fact label="Programs">{mode}</Fact>
                <Fact label="Clock">{clock}</Fact>
            </dl>
            {if left.is_empty() {
                view! { <p class="meta">"All of it is taken over."</p> }.into_any()
            } else {
                view! {
                    <h3>"Not taken over"</h3>
                    <dl class="left-out">
                        {left
                            .into_iter()
                            .map(|(word, why)| view! { <dt><code>{word}</code></dt><dd>{why}</dd> })
                            .collect_view()}
                    </dl>
                }
                .into_any()
            }}
        </section>
        {if strays.is_empty() {
            view! { <NoStrays /> }.into_any()
        } else {
            view! { <AdoptForm draft=draft strays=strays kernels=kernels /> }.into_any()
        }}
    }
    .into_any()
}

#[component]
fn AdoptForm(draft: GuestDraft, strays: Vec<StrayShown>, kernels: Vec<KernelChoice>) -> impl IntoView {
    let adopt = ServerAction::<GuestAdopt>::new();
    let error = failure(adopt);
    let pending = adopt.pending();
    let cards: Vec<Card> = strays
        .into_iter()
        .map(|stray| Card {
            value: stray.name.to_string(),
            title: stray.name.to_string(),
            meaning: format!(
                "{}, {}",
                size(stray.size_bytes),
                stray.file_system.as_deref().unwrap_or("no file system that is known")
            ),
            refused: stray.refused,
        })
        .collect();
    let first = crate::parts::cards::first_free(&cards, "");
    let options = kernel_options(&kernels);
    let kernel = options.first().map(|(id, _)| id.clone()).unwrap_or_default();
    view! {
        <section class="card">
            <h2>"3. Its root image"</h2>
            <Failure error=error fields=FIELDS />
            <ActionForm action=adopt attr:class="form">
                <Cards name="stray" label="Image" cards=Memo::new(move |_| cards.clone()) chosen=Signal::stored(first) error=error />
                <TextField name="name" label="Name" value=draft.name.clone() error=error hint="Also its host name: a–z, 0–9 and -." />
                <Choice name="kernel" label="Kernel" options=options chosen=kernel error=error />
                <TextField name="memory_mib" label="Memory in MiB" kind="number" value=draft.memory_mib.to_string() error=error />
                <input type="hidden" name="mode" value=draft.mode.word() />
                <input type="hidden" name="clock" value=draft.clock.word() />
                <input type="hidden" name="network" value=draft.network.word() />
                <div class="form-actions">
                    <button class="button primary" type="submit" disabled=move || pending.get()>"Adopt it"</button>
                    <a class="button" href=paths::HOST>"Cancel"</a>
                </div>
            </ActionForm>
        </section>
    }
    .into_any()
}
