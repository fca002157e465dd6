//! What a guest's disk and its snapshots stand on, as a picture: an image, and on that alone each of them.

use leptos::prelude::*;
use umbel_guest::{DiskKind, ImageId};

use crate::parts::curve::size;
use crate::paths;
use crate::shown::{GuestShown, SnapshotShown, SnapshotsShown};

#[component]
pub fn Chain(guest: GuestShown, disk: SnapshotsShown) -> impl IntoView {
    let stands = guest.disk_kind == DiskKind::Cow;
    let words = match stands {
        true => {
            "Each stands on its image alone, none on another: what goes takes nothing from the rest, and no way to a block becomes longer."
        }
        false => "Each is whole by itself: what goes takes nothing from the rest.",
    };
    let trunks = trunks(&guest, disk);
    view! {
        <figure class="chain">
            <ul>
                {trunks
                    .into_iter()
                    .map(|(image, leaves)| {
                        let leaves = leaves.into_iter().map(|leaf| view! { <Standing leaf=leaf /> }).collect_view();
                        if !stands {
                            return leaves.into_any();
                        }
                        view! {
                            <li>
                                <a class="chain-box" href=paths::image(&image)>
                                    <strong>{image.to_string()}</strong>
                                    <span class="meta">"only read, shared"</span>
                                </a>
                                <ul>{leaves}</ul>
                            </li>
                        }
                        .into_any()
                    })
                    .collect_view()}
            </ul>
            <figcaption class="meta">{words}</figcaption>
        </figure>
    }
    .into_any()
}

/// What stands on an image.
struct Leaf {
    name: String,
    /// What it takes of the host's disk by itself, in bytes, where that is known.
    bytes: Option<u64>,
    is_now: bool,
}

#[component]
fn Standing(leaf: Leaf) -> impl IntoView {
    view! {
        <li>
            <span class=if leaf.is_now { "chain-box now" } else { "chain-box" }>
                <strong>{leaf.name}</strong>
                <span class="meta">{leaf.bytes.map_or_else(|| "–".to_owned(), size)}</span>
            </span>
        </li>
    }
    .into_any()
}

/// By image, the guest's own first; the disk before what is kept of it, the newest first.
fn trunks(guest: &GuestShown, disk: SnapshotsShown) -> Vec<(ImageId, Vec<Leaf>)> {
    let now = Leaf { name: "The disk, now".into(), bytes: disk.disk_bytes, is_now: true };
    let mut trunks = vec![(guest.image.clone(), vec![now])];
    for SnapshotShown { image, name, taken_bytes, .. } in disk.rows {
        let leaf = Leaf { name, bytes: Some(taken_bytes), is_now: false };
        match trunks.iter_mut().find(|(of, _)| *of == image) {
            Some((_, leaves)) => leaves.push(leaf),
            None => trunks.push((image, vec![leaf])),
        }
    }
    trunks
}
