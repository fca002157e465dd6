//! One image: what it is, and what was said about it.

use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use umbel_guest::size::in_words;
use umbel_guest::{GroupId, ImageId, ImageKind, PanelRight, Visibility};

use super::list::State;
use crate::api::groups::group_list;
use crate::api::images::{ImageRemove, ImageSetDeprecated, ImageSetNote, ImageSetVisibility, image_fetch};
use crate::api::missing;
use crate::live::Live;
use crate::parts::copied::Copied;
use crate::parts::curve::size;
use crate::parts::form::{Choice, TextField};
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited, failure};
use crate::parts::me::Me;
use crate::parts::table::{Fact, PageHead};
use crate::parts::title::Title;
use crate::paths;
use crate::shown::ImageShown;

/// What administrators may do with it.
#[derive(Clone, Copy)]
struct Actions {
    deprecate: ServerAction<ImageSetDeprecated>,
    write: ServerAction<ImageSetNote>,
    show: ServerAction<ImageSetVisibility>,
    remove: ServerAction<ImageRemove>,
}

#[component]
pub fn ImageShowPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.read().get("image").and_then(|text| text.parse::<ImageId>().ok()));
    let live = Live::expect();
    let (host, guests) = (live.host(), live.guests());
    let deprecate = ServerAction::<ImageSetDeprecated>::new();
    let write = ServerAction::<ImageSetNote>::new();
    let show = ServerAction::<ImageSetVisibility>::new();
    let remove = ServerAction::<ImageRemove>::new();
    let actions = Actions { deprecate, write, show, remove };
    let image = Resource::new(
        move || {
            let own = (deprecate.version().get(), write.version().get(), show.version().get());
            (id.get(), host.get(), guests.get(), own)
        },
        |(id, ..)| async move { image_fetch(id.ok_or_else(|| missing("image"))?).await },
    );
    let groups = Resource::new(|| (), |()| group_list());
    let me = Me::expect();
    view! {
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                let manages = me.may(PanelRight::ManageImages).await.is_ok();
                let groups = groups.await.unwrap_or_default();
                let groups = groups.into_iter().map(|group| (group.id, group.name.to_string())).collect();
                match image.await {
                    Ok(image) => view! { <Shown image=image groups=groups manages=manages actions=actions /> }.into_any(),
                    Err(error) => view! { <Title text="Image" /><Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Shown(image: ImageShown, groups: Vec<(GroupId, String)>, manages: bool, actions: Actions) -> impl IntoView {
    let taken = size(image.taken_bytes);
    // Of the host's own files there are none.
    let sizes = (image.kind == ImageKind::Disk).then(|| match &image.sizes[..] {
        [least, .., most] => format!("{} to {}", in_words(least.mib()), in_words(most.mib())),
        sizes => sizes.iter().map(|size| in_words(size.mib())).collect(),
    });
    let sum = image.sha256.clone().map(|sum| {
        let short: String = sum.chars().take(8).collect();
        view! { <Fact label="SHA-256"><Copied text=sum short=short /></Fact> }
    });
    let (state, own) = (image.clone(), manages.then(|| image.clone()));
    // Who may write it sees it in its field.
    let note = Some(image.note.clone()).filter(|note| !manages && !note.is_empty());
    let (file_system, seen_by) = (file_system(&image), image.seen_by());
    let came_from = match &image.came_from {
        Some(address) => format!("{}: {address}", image.origin),
        None => image.origin.clone(),
    };
    view! {
        <Title text=image.title.clone() />
        <PageHead title=image.title.clone()>
            <a class="button" href=paths::IMAGES>"All images"</a>
        </PageHead>
        <Failure error=failure(actions.deprecate) />
        <Failure error=failure(actions.remove) />
        <p>{image.description.clone()}</p>
        <section class="card">
            <dl class="facts">
                <Fact label="State"><State image=state /></Fact>
                <Fact label="Name">{image.name.clone()}</Fact>
                {image.version.clone().map(|version| view! { <Fact label="Version">{version}</Fact> })}
                <Fact label="Came from">{came_from}</Fact>
                <Fact label="File system">{file_system}</Fact>
                <Fact label="Signs in to a new guest">{image.default_user.clone()}</Fact>
                <Fact label="Suggested memory">{in_words(image.suggested_memory.mib())}</Fact>
                {image.tested_with.clone().map(|with| view! { <Fact label="Tested with">{with}</Fact> })}
                {sizes.map(|sizes| view! { <Fact label="Disks of it">{sizes}</Fact> })}
                <Fact label="Takes on this host">{taken}</Fact>
                {sum}
                <Fact label="Seen by">{seen_by}</Fact>
                {image.used_by.map(|used| view! { <Fact label="Guests that have it">{used.to_string()}</Fact> })}
                {note.map(|note| view! { <Fact label="Note">{note}</Fact> })}
            </dl>
        </section>
        {own.map(|image| view! {
            <Say image=image.clone() actions=actions />
            <See image=image.clone() groups=groups show=actions.show />
            {image.imported.then(|| view! { <Remove image=image remove=actions.remove /> })}
        })}
    }
    .into_any()
}

fn file_system(image: &ImageShown) -> String {
    match (&image.file_system, image.fills_disk) {
        (None, _) => "none of its own".into(),
        (Some(name), true) => format!("{name}, as large as the disk"),
        (Some(name), false) => format!("{name}, as large as it came"),
    }
}

/// What administrators say about it.
#[component]
fn Say(image: ImageShown, actions: Actions) -> impl IntoView {
    let Actions { deprecate, write, .. } = actions;
    let error = failure(write);
    let (verb, effect) = match image.deprecated {
        true => ("Offer it as before", "It is suggested for new guests again."),
        false => ("Deprecate", "It is offered last, with your note. Guests that have it keep it."),
    };
    let (id, same_id) = (image.id.to_string(), image.id.to_string());
    view! {
        <section class="card">
            <h2>"What you say about it"</h2>
            <Failure error=error fields=&["note"] />
            <ActionForm action=write attr:class="form">
                <input type="hidden" name="image" value=id />
                <TextField
                    name="note"
                    label="Note"
                    value=image.note
                    error=error
                    hint="Shown to whoever chooses it: for example what to take instead."
                />
                <button class="button primary" type="submit">"Save"</button>
            </ActionForm>
            <p class="meta">{effect}</p>
            <ActionForm action=deprecate>
                <input type="hidden" name="image" value=same_id />
                <input type="hidden" name="deprecated" value=(!image.deprecated).to_string() />
                <button class="button" type="submit">{verb}</button>
            </ActionForm>
        </section>
    }
    .into_any()
}

/// Who may make guests of it.
#[component]
fn See(image: ImageShown, groups: Vec<(GroupId, String)>, show: ServerAction<ImageSetVisibility>) -> impl IntoView {
    let error = failure(show);
    let of_groups = groups.into_iter().map(|(id, name)| (Visibility::Group(id), format!("The group {name}")));
    let mut options: Vec<(String, String)> = [(Visibility::Public, "Everybody".to_owned())]
        .into_iter()
        .chain(of_groups)
        .chain([(Visibility::Private, "Only who manages images".to_owned())])
        .map(|(visibility, words)| (visibility.to_string(), words))
        .collect();
    let chosen = image.visibility.to_string();
    if options.iter().all(|(value, _)| *value != chosen) {
        options.push((chosen.clone(), "A group that is gone".into()));
    }
    view! {
        <section class="card">
            <h2>"Who sees it"</h2>
            <Failure error=error fields=&["visibility"] />
            <ActionForm action=show attr:class="form">
                <input type="hidden" name="image" value=image.id.to_string() />
                <Choice name="visibility" label="Seen by" options=options chosen=chosen error=error />
                <button class="button" type="submit">"Show it to them"</button>
            </ActionForm>
            <p class="meta">"Whoever sees it may make guests of it. A guest that has it keeps it."</p>
        </section>
    }
    .into_any()
}

/// Only of one that nobody has.
#[component]
fn Remove(image: ImageShown, remove: ServerAction<ImageRemove>) -> impl IntoView {
    let why = match image.used_by.unwrap_or_default() {
        0 => None,
        1 => Some("One guest has it.".to_owned()),
        used => Some(format!("{used} guests have it.")),
    };
    view! {
        <section class="card">
            <h2>"Remove it"</h2>
            <p class="meta" id="remove-why">{why.clone().unwrap_or_else(|| "Its file is gone from this host then.".into())}</p>
            <ActionForm action=remove>
                <input type="hidden" name="image" value=image.id.to_string() />
                <button class="button danger" type="submit" disabled=why.is_some() aria-describedby="remove-why">
                    "Remove " {image.id.to_string()}
                </button>
            </ActionForm>
        </section>
    }
    .into_any()
}
