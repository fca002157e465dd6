//! What takes how much of the host's disk.

use leptos::prelude::*;
use umbel_guest::size::in_words;

use crate::api::storage::storage_fetch;
use crate::live::Live;
use crate::parts::curve::size;
use crate::parts::loaded::{Problem, Skeleton, awaited};
use crate::parts::table::{Fact, PageHead, Used};
use crate::parts::title::Title;
use crate::paths;
use crate::shown::{StorageShown, StoredGuest, StoredImage};

#[component]
pub fn StoragePage() -> impl IntoView {
    let live = Live::expect();
    let (changed, guests) = (live.host(), live.guests());
    let storage = Resource::new(move || (changed.get(), guests.get()), |_| storage_fetch());
    view! {
        <Title text="Storage" />
        <PageHead title="Storage"><a class="button" href=paths::HOST>"Host"</a></PageHead>
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                match storage.await {
                    Ok(storage) => view! { <Shown storage=storage /> }.into_any(),
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Shown(storage: StorageShown) -> impl IntoView {
    let used = storage.disk_total_mib.saturating_sub(storage.disk_free_mib);
    let (images, saved): (u64, u64) = storage
        .images
        .iter()
        .fold((0, 0), |(taken, saved), image| (taken + image.taken_bytes, saved + image.saved_bytes));
    let own = |pick: fn(&StoredGuest) -> u64| storage.guests.iter().map(pick).sum::<u64>();
    let guests = own(|guest| guest.taken_bytes + guest.snapshots_bytes) + storage.others_bytes;
    let left = storage.leftovers.len();
    let left = (left > 0).then(|| {
        let words = if left == 1 { "1 thing lies".to_owned() } else { format!("{left} things lie") };
        view! {
            <p class="notice attention">
                {words} " on the host that this panel knows nothing of: " <a href=paths::DOCTOR>"see Doctor"</a> "."
            </p>
        }
    });
    view! {
        {left}
        <dl class="facts four">
            <Fact label="Used of the disk">
                {format!("{} of {}", size(used << 20), size(storage.disk_total_mib << 20))}
                <Used label="Used of the disk" used=used total=storage.disk_total_mib />
            </Fact>
            <Fact label="Guests and their snapshots">{size(guests)}</Fact>
            <Fact label="Volumes">{size(storage.volumes_bytes)}</Fact>
            <Fact label="Images">{size(images)}</Fact>
            <Fact label="Saved by sharing">{size(saved)}</Fact>
            <Fact label="Kernels that were put in">{size(storage.kernels_bytes)}</Fact>
            <Fact label="Files that came in">{size(storage.uploads_bytes)}</Fact>
            <Fact label="Ballast">{size(storage.ballast_bytes)}</Fact>
        </dl>
        <h2>"Images"</h2>
        <Images images=storage.images />
        <h2>"Guests"</h2>
        <Guests guests=storage.guests />
        {(storage.others > 0).then(|| view! {
            <p class="meta">{format!("{} more take {} together.", storage.others, size(storage.others_bytes))}</p>
        })}
    }
    .into_any()
}

#[component]
fn Images(images: Vec<StoredImage>) -> impl IntoView {
    let row = |image: StoredImage| {
        view! {
            <tr>
                <td data-label="Image"><a href=paths::image(&image.image)>{image.image.to_string()}</a></td>
                <td data-label="Takes" class="number">{size(image.taken_bytes)}</td>
                <td data-label="Guests" class="number">{image.guests}</td>
                <td data-label="Saves" class="number">{size(image.saved_bytes)}</td>
            </tr>
        }
    };
    view! {
        <p class="meta">"A guest of an image takes what it has written. What it would take more with a copy of its own is what sharing saves."</p>
        <table class="table cards">
            <thead>
                <tr>
                    <th>"Image"</th>
                    <th class="number">"Takes"</th>
                    <th class="number">"Guests"</th>
                    <th class="number">"Saves"</th>
                </tr>
            </thead>
            <tbody>{images.into_iter().map(row).collect_view()}</tbody>
        </table>
    }
    .into_any()
}

#[component]
fn Guests(guests: Vec<StoredGuest>) -> impl IntoView {
    if guests.is_empty() {
        return view! { <p class="meta">"There is none."</p> }.into_any();
    }
    let row = |guest: StoredGuest| {
        let snapshots = match guest.snapshots {
            0 => "–".to_owned(),
            count => format!("{} in {count}", size(guest.snapshots_bytes)),
        };
        view! {
            <tr>
                <td data-label="Guest"><a href=paths::guest_disk(guest.guest)>{guest.name}</a></td>
                <td data-label="Owner">{guest.owner}</td>
                <td data-label="Size" class="number">{in_words(guest.disk_mib)}</td>
                <td data-label="Takes" class="number">{size(guest.taken_bytes)}</td>
                <td data-label="Snapshots" class="number">{snapshots}</td>
            </tr>
        }
    };
    view! {
        <table class="table cards">
            <thead>
                <tr>
                    <th>"Guest"</th>
                    <th>"Owner"</th>
                    <th class="number">"Size"</th>
                    <th class="number">"Takes"</th>
                    <th class="number">"Snapshots"</th>
                </tr>
            </thead>
            <tbody>{guests.into_iter().map(row).collect_view()}</tbody>
        </table>
    }
    .into_any()
}
