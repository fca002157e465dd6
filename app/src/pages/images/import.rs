//! An image that somebody puts in: its file is sent first, by pages.js, then it is named.

use leptos::form::ActionForm;
use leptos::prelude::*;

use crate::api::images::{ImageImport, ImageImportFrom};
use crate::parts::form::TextField;
use crate::parts::loaded::{Failure, failure};
use crate::parts::upload::{FileField, Sent};
use crate::paths;

const FIELDS: &[&str] =
    &["name", "version", "title", "description", "default_user", "memory_mib", "tested_with", "note"];

#[component]
pub fn ImportForm(import: ServerAction<ImageImport>) -> impl IntoView {
    let error = failure(import);
    let (begun, pending) = (import.value(), import.pending());
    view! {
        <section class="card">
            <h2>"Put an image in"</h2>
            <p>
                "The root of a system, at most 16 GiB: a tar archive of it, an image of containers (an OCI layout, or what docker saves), its file system (ext2, ext3, ext4, xfs, btrfs or squashfs), or a whole disk, also in the format qcow2; any of them packed with gzip, bzip2, xz or zstd. What has to be unpacked is unpacked in a guest without a network, never by this host itself."
            </p>
            <Failure error=error fields=FIELDS />
            {move || begun.get().and_then(Result::ok).map(|operation| view! {
                <p class="notice changing" role="status">
                    "It is being made an image. " <a href=paths::operation(operation)>"See how far it is"</a>
                </p>
            })}
            <Sent by_hand="umbelctl images import root.tar.xz --name debian --version 13.2">
                <ActionForm action=import attr:class="form">
                    <FileField label="File" hint="One: an archive, a file system or a disk." />
                    <TextField name="name" label="Name" error=error hint="What its versions have in common, for example debian." />
                    <TextField name="version" label="Version" error=error hint="Begins with a digit, for example 13.2." />
                    <TextField name="title" label="Title" error=error hint="Empty: its name." />
                    <TextField name="description" label="Description" error=error />
                    <TextField
                        name="default_user"
                        label="Signs in to a new guest"
                        error=error
                        hint="Empty: root."
                    />
                    <TextField name="memory_mib" label="Suggested memory in MiB" kind="number" error=error hint="Empty: the least." />
                    <TextField name="tested_with" label="Tested with" error=error hint="For whoever takes it: a kernel, a program, an option." />
                    <TextField name="note" label="Note" error=error />
                    <button class="button primary" type="submit" disabled=move || pending.get()>"Put it in"</button>
                </ActionForm>
            </Sent>
        </section>
    }
    .into_any()
}

/// The same out of the network, without a script.
#[component]
pub fn FetchForm(fetch: ServerAction<ImageImportFrom>) -> impl IntoView {
    let error = failure(fetch);
    let (begun, pending) = (fetch.value(), fetch.pending());
    view! {
        <section class="card">
            <h2>"Fetch an image"</h2>
            <p>"The same, from an address, or an image of a registry of containers: this panel gets it itself, and goes on where it was if that is cut."</p>
            <Failure error=error fields=&["url", "sha256", "image"] />
            {move || begun.get().and_then(Result::ok).map(|operation| view! {
                <p class="notice changing" role="status">
                    "It is being fetched. " <a href=paths::operation(operation)>"See how far it is"</a>
                </p>
            })}
            <ActionForm action=fetch attr:class="form">
                <TextField name="url" label="Address" error=error hint="https://…, or docker://registry.example.org/name:tag; in a public network." />
                <TextField name="sha256" label="SHA-256" error=error hint="Another file is refused. Empty: any is taken." />
                <TextField name="image" label="Name and version" error=error hint="For example debian-13.2." />
                <button class="button" type="submit" disabled=move || pending.get()>"Fetch it"</button>
            </ActionForm>
        </section>
    }
    .into_any()
}
