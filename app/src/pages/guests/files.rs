//! Files that go into a guest and come out of it, without a network in it.

use leptos::form::ActionForm;
use leptos::prelude::*;
use umbel_guest::parcel::{DEVICE, PLACE};
use umbel_guest::{GuestId, GuestRight};

use super::show::GuestContext;
use crate::api::missing;
use crate::api::parcels::{FileFetch, FileSend, file_list};
use crate::live::Live;
use crate::parts::badge::OperationBadge;
use crate::parts::curve::size;
use crate::parts::form::TextField;
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited, failure};
use crate::parts::time::When;
use crate::parts::upload::{FileField, SentTo};
use crate::paths;
use crate::shown::{FileWay, OperationState, ParcelShown, ParcelsShown};

#[component]
pub fn GuestFilesPage() -> impl IntoView {
    let (context, live) = (GuestContext::expect(), Live::expect());
    let (send, fetch) = (ServerAction::<FileSend>::new(), ServerAction::<FileFetch>::new());
    let files = Resource::new(
        move || (context.id.get(), live.guest(context.id.get()), send.version().get(), fetch.version().get()),
        |(id, ..)| async move { file_list(id.ok_or_else(|| missing("guest"))?).await },
    );
    view! {
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                // A guest that isn't there has said so in its header.
                let guest = context.guest.await.ok()?;
                if guest.access.may(GuestRight::TypeConsole).is_err() {
                    let why = "Files are for whoever may type into its console: that is as good as root in it.";
                    return Some(view! { <p class="notice">{why}</p> }.into_any());
                }
                Some(match files.await {
                    Ok(files) => view! { <Shown guest=guest.id files=files send=send fetch=fetch /> }.into_any(),
                    Err(error) => view! { <Problem error=error /> }.into_any(),
                })
            })}
        </Transition>
    }
}

#[component]
fn Shown(
    guest: GuestId,
    files: ParcelsShown,
    send: ServerAction<FileSend>,
    fetch: ServerAction<FileFetch>,
) -> impl IntoView {
    let runs = files.runs;
    view! {
        {(!runs).then(|| view! { <p class="notice">"Files come and go while the guest runs. It doesn't."</p> })}
        <SendForm guest=guest runs=runs send=send />
        <FetchForm guest=guest runs=runs fetch=fetch />
        <section class="card">
            <h2>"Lately"</h2>
            {match files.rows.is_empty() {
                true => view! { <p class="meta">"No file has come or gone yet."</p> }.into_any(),
                false => view! { <Rows rows=files.rows /> }.into_any(),
            }}
        </section>
    }
    .into_any()
}

#[component]
fn SendForm(guest: GuestId, runs: bool, send: ServerAction<FileSend>) -> impl IntoView {
    let (error, pending) = (failure(send), send.pending());
    let where_to = format!(
        "One file of at most 1 GiB, over a disk that the guest has for that moment, {DEVICE}: it needs no network. It comes \
         to {PLACE}, root's; one of the same name is replaced. How much of it the guest has read can't be seen from here."
    );
    view! {
        <section class="card">
            <h2>"Send a file"</h2>
            <p>{where_to}</p>
            <Failure error=error fields=&["name"] />
            <SentTo begin=format!("{}/guests/{guest}/files/uploads", paths::API) by_hand="umbelctl files send GUEST FILE">
                <ActionForm action=send attr:class="form">
                    <input type="hidden" name="guest" value=guest.to_string() />
                    <FileField label="File" hint="One file; a directory as an archive." />
                    <TextField name="name" label="Name" error=error hint="In the guest. Empty: as it is called, without what is odd in it." />
                    <button class="button primary" type="submit" disabled=move || !runs || pending.get()>"Send it"</button>
                </ActionForm>
            </SentTo>
        </section>
    }
    .into_any()
}

#[component]
fn FetchForm(guest: GuestId, runs: bool, fetch: ServerAction<FileFetch>) -> impl IntoView {
    let (error, pending) = (failure(fetch), fetch.pending());
    view! {
        <section class="card">
            <h2>"Fetch a file"</h2>
            <p>
                "A file as it is, a directory as a tar archive. It is here for an hour then, or until another one is fetched. The guest makes it: look at it as at anything from outside."
            </p>
            <Failure error=error fields=&["path", "most_mib"] />
            <ActionForm action=fetch attr:class="form">
                <input type="hidden" name="guest" value=guest.to_string() />
                <TextField name="path" label="Path" error=error hint="In the guest, for example /var/log/messages." />
                <TextField name="most_mib" label="At most, in MiB" kind="number" error=error hint="1 to 1024. Empty: 64." />
                <button class="button" type="submit" disabled=move || !runs || pending.get()>"Fetch it"</button>
            </ActionForm>
        </section>
    }
    .into_any()
}

#[component]
fn Rows(rows: Vec<ParcelShown>) -> impl IntoView {
    view! {
        <table class="table cards">
            <thead>
                <tr><th>"File"</th><th>"Way"</th><th>"State"</th><th>"When"</th><th>"Here"</th></tr>
            </thead>
            <tbody>{rows.into_iter().map(|row| view! { <Row row=row /> }).collect_view()}</tbody>
        </table>
    }
    .into_any()
}

#[component]
fn Row(row: ParcelShown) -> impl IntoView {
    let way = match row.way {
        FileWay::In => "into the guest",
        FileWay::Out => "out of it",
    };
    let more = match &row.state {
        OperationState::Running | OperationState::Undoing { .. } => row.said.clone(),
        OperationState::Failed { reason } => reason.clone(),
        OperationState::Done | OperationState::Cancelled => String::new(),
    };
    let here = row.here.map(|here| {
        let path = format!("{}/operations/{}/file", paths::API, row.operation);
        view! { <a class="button quiet" href=path download=here.name>{format!("Download, {}", size(here.bytes))}</a> }
    });
    view! {
        <tr>
            <td data-label="File"><code>{row.name}</code></td>
            <td data-label="Way">{way}</td>
            <td data-label="State"><OperationBadge state=row.state /> <span class="meta">{more}</span></td>
            <td data-label="When"><a href=paths::operation(row.operation)><When at=row.at /></a></td>
            <td data-label="Here">{here}</td>
        </tr>
    }
    .into_any()
}
