//! The catalogue of images: where each came from, what it takes, who has it.

use leptos::prelude::*;
use umbel_guest::{PanelRight, Visibility};

use super::build::BuildForm;
use super::import::{FetchForm, ImportForm};
use crate::api::images::{ImageBuild, ImageImport, ImageImportFrom, image_list, image_recipe};
use crate::live::Live;
use crate::parts::badge::Mark;
use crate::parts::curve::size;
use crate::parts::loaded::{Problem, Skeleton, awaited};
use crate::parts::me::Me;
use crate::parts::pages::{Pages, asked};
use crate::parts::table::PageHead;
use crate::parts::title::Title;
use crate::paths;
use crate::shown::{ImagePage, ImageShown};

#[component]
pub fn ImageListPage() -> impl IntoView {
    let live = Live::expect();
    let (host, guests, operations) = (live.host(), live.guests(), live.operations());
    let import = ServerAction::<ImageImport>::new();
    let fetch = ServerAction::<ImageImportFrom>::new();
    let build = ServerAction::<ImageBuild>::new();
    let (q, cursor, chosen) = (asked("q"), asked("cursor"), asked("recipe"));
    let recipe = Resource::new(move || chosen.get(), image_recipe);
    let images = Resource::new(
        move || ((host.get(), guests.get(), operations.get(), import.version().get()), q.get(), cursor.get()),
        |(_, q, cursor)| image_list(q, cursor),
    );
    let me = Me::expect();
    view! {
        <Title text="Images" />
        <PageHead title="Images">
            <form role="search" method="get" action=paths::IMAGES>
                <input
                    class="search"
                    type="search"
                    name="q"
                    aria-label="Filter images"
                    placeholder="Filter  /"
                    data-shortcut="/"
                    value=q.get_untracked()
                    prop:value=move || q.get()
                />
            </form>
        </PageHead>
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                let manages = me.may(PanelRight::ManageImages).await.is_ok();
                let (q, cursor) = (q.get_untracked(), cursor.get_untracked());
                let at = |cursor: &str| paths::asking(paths::IMAGES, &[("q", &q), ("cursor", cursor)]);
                match images.await {
                    Ok(ImagePage { rows, next }) => view! {
                        <ImageTable images=rows manages=manages filtered=!q.is_empty() />
                        <Pages first=(!cursor.is_empty()).then(|| at("")) next=next.map(|cursor| at(&cursor)) />
                    }
                    .into_any(),
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
        // By itself: what is typed there is left alone by what changes above.
        <Transition>
            {awaited(move || async move {
                let manages = me.may(PanelRight::ManageImages).await.is_ok();
                manages.then(|| view! { <ImportForm import=import /><FetchForm fetch=fetch /><BuildForm begin=build recipe=recipe /> })
            })}
        </Transition>
    }
}

#[component]
fn ImageTable(images: Vec<ImageShown>, manages: bool, filtered: bool) -> impl IntoView {
    if images.is_empty() {
        let words = match filtered {
            true => "No image has that in its name, description or origin.",
            false => "There is no image yet. The first one is prepared when the panel and its agent start.",
        };
        return view! { <section class="empty small"><p>{words}</p></section> }.into_any();
    }
    view! {
        <table class="table cards">
            <thead>
                <tr>
                    <th>"Image"</th><th>"State"</th><th>"File system"</th><th>"Signs in"</th>
                    <th class="number">"On this host"</th>
                    {manages.then(|| view! { <th class="number">"Guests"</th> })}
                </tr>
            </thead>
            <tbody>{images.into_iter().map(|image| view! { <ImageRow image=image /> }).collect_view()}</tbody>
        </table>
    }
    .into_any()
}

#[component]
fn ImageRow(image: ImageShown) -> impl IntoView {
    let taken = size(image.taken_bytes);
    let seen_by = (image.visibility != Visibility::Public).then(|| image.seen_by());
    view! {
        <tr>
            <td data-label="Image">
                <span class="two-lines">
                    <a href=paths::image(&image.id)><strong>{image.title.clone()}</strong></a>
                    <span class="meta">{format!("{}, {}", image.id, image.origin)}</span>
                    {seen_by.map(|who| view! { <span class="meta">{format!("Seen by {who} only")}</span> })}
                    {(!image.note.is_empty()).then(|| view! { <span class="meta">{image.note.clone()}</span> })}
                </span>
            </td>
            <td data-label="State"><State image=image.clone() /></td>
            <td data-label="File system">{image.file_system.clone().unwrap_or_else(|| "none of its own".into())}</td>
            <td data-label="Signs in">{image.default_user.clone()}</td>
            <td data-label="On this host" class="number">{taken}</td>
            {image.used_by.map(|used| view! { <td data-label="Guests" class="number">{used.to_string()}</td> })}
        </tr>
    }
    .into_any()
}

/// Whether it should be taken, and what rather.
#[component]
pub(super) fn State(image: ImageShown) -> impl IntoView {
    let (shape, class, words) = match (image.deprecated, &image.newer) {
        (true, _) => ("◌", "badge stopped", "Deprecated"),
        (false, Some(_)) => ("●", "badge stopped", "Offered"),
        (false, None) => ("●", "badge running", "Offered"),
    };
    view! {
        <Mark shape=shape class=class words=words />
        {image.newer.map(|newer| {
            let to = paths::image(&newer);
            view! { " " <a class="meta" href=to>{format!("{newer} is newer")}</a> }
        })}
    }
    .into_any()
}
