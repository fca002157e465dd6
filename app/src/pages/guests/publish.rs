//! An image out of a snapshot: what of the guest's stays behind is looked for first, then it is named.

use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use umbel_guest::publish::Found;
use umbel_guest::{GuestId, Logins, SnapshotId};

use super::show::GuestContext;
use crate::api::images::ImagePublish;
use crate::api::missing;
use crate::api::snapshots::{snapshot_list, snapshot_traces};
use crate::parts::curve::size;
use crate::parts::form::{Choice, TextField};
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited, failure};
use crate::paths;
use crate::shown::SnapshotShown;

const FIELDS: &[&str] = &["image", "title", "description", "default_user", "memory_mib", "note", "logins"];

#[component]
pub fn PublishPage() -> impl IntoView {
    let context = GuestContext::expect();
    let params = use_params_map();
    let snapshot = Memo::new(move |_| params.read().get("snapshot").and_then(|text| text.parse::<SnapshotId>().ok()));
    let publish = ServerAction::<ImagePublish>::new();
    let of = move || context.id.get().zip(snapshot.get());
    let named = Resource::new(of, |of| async move {
        let (guest, snapshot) = of.ok_or_else(|| missing("snapshot"))?;
        let rows = snapshot_list(guest).await?.rows;
        rows.into_iter().find(|row| row.id == snapshot).ok_or_else(|| missing("snapshot"))
    });
    let found = Resource::new(of, |of| async move {
        let (guest, snapshot) = of.ok_or_else(|| missing("snapshot"))?;
        snapshot_traces(guest, snapshot).await
    });
    view! {
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                // A guest that isn't there has said so in its header.
                let guest = context.guest.await.ok()?;
                match (named.await, found.await) {
                    (Ok(row), Ok(found)) => {
                        Some(view! { <Shown guest=guest.id row=row found=found publish=publish /> }.into_any())
                    }
                    (Err(error), _) | (_, Err(error)) => Some(view! { <Problem error=error /> }.into_any()),
                }
            })}
        </Transition>
    }
}

#[component]
fn Shown(guest: GuestId, row: SnapshotShown, found: Vec<Found>, publish: ServerAction<ImagePublish>) -> impl IntoView {
    let error = failure(publish);
    let (begun, pending) = (publish.value(), publish.pending());
    let logins = [
        (Logins::Remove, "Go: nobody gets in with what let them in before"),
        (Logins::Keep, "Stay: whoever has them gets into every guest of it"),
    ];
    let logins = logins.into_iter().map(|(logins, words)| (logins.name().to_owned(), words.to_owned())).collect();
    view! {
        <h2>{format!("An image of {}", row.name)}</h2>
        <p>
            "Guests can then be made of what was on the disk. Files are carried over into a new file system, so what was deleted "
            "is not in it. These are the guest's own and stay behind:"
        </p>
        <Traces found=found />
        <Failure error=error fields=FIELDS />
        {move || begun.get().and_then(Result::ok).map(|operation| view! {
            <p class="notice changing" role="status">
                "It is being made an image. " <a href=paths::operation(operation)>"See how far it is"</a>
            </p>
        })}
        <section class="card">
            <ActionForm action=publish attr:class="form">
                <input type="hidden" name="guest" value=guest.to_string() />
                <input type="hidden" name="snapshot" value=row.id.to_string() />
                <TextField name="image" label="Name and version" error=error hint="For example classroom-1." />
                <Choice
                    name="logins"
                    label="Keys and passwords of its users"
                    options=logins
                    chosen=Logins::default().name()
                    error=error
                />
                <TextField name="title" label="Title" error=error hint="Empty: its name." />
                <TextField name="description" label="Description" error=error />
                <TextField name="default_user" label="Signs in to a new guest" error=error hint="Empty: root." />
                <TextField name="memory_mib" label="Suggested memory in MiB" kind="number" error=error hint="Empty: the least." />
                <TextField name="note" label="Note" error=error />
                <button class="button primary" type="submit" disabled=move || pending.get()>"Make the image"</button>
                <a class="button" href=paths::guest_disk(guest)>"Back to the disk"</a>
            </ActionForm>
        </section>
    }
    .into_any()
}

#[component]
fn Traces(found: Vec<Found>) -> impl IntoView {
    if found.is_empty() {
        return view! { <p class="meta">"None was found."</p> }.into_any();
    }
    let row = |found: Found| {
        let more = found.files.saturating_sub(found.names.len() as u64);
        let more = (more > 0).then(|| format!(" and {more} more"));
        let names = found.names.into_iter().map(|name| view! { <li class="mono">{name}</li> }).collect_view();
        view! {
            <tr>
                <td data-label="What">{found.trace.title()}</td>
                <td data-label="Files" class="number">{found.files}</td>
                <td data-label="Take" class="number">{size(found.bytes)}</td>
                <td data-label="Names"><ul>{names}</ul>{more}</td>
            </tr>
        }
    };
    view! {
        <table class="table cards">
            <thead>
                <tr>
                    <th>"What"</th>
                    <th class="number">"Files"</th>
                    <th class="number">"Take"</th>
                    <th>"Names"</th>
                </tr>
            </thead>
            <tbody>{found.into_iter().map(row).collect_view()}</tbody>
        </table>
    }
    .into_any()
}
