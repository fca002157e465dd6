use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use umbel_guest::OperationId;

use crate::api::missing;
use crate::api::operations::{OperationCancel, operation_fetch};
use crate::live::Live;
use crate::parts::loaded::{Failure, Problem, Skeleton, awaited, failure};
use crate::parts::operation::OperationSteps;
use crate::parts::table::PageHead;
use crate::parts::time::When;
use crate::parts::title::Title;
use crate::paths;
use crate::shown::{LogLine, OperationShown};

#[component]
pub fn OperationPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.read().get("operation").and_then(|text| text.parse::<OperationId>().ok()));
    let changed = Live::expect().operations();
    let cancel = ServerAction::<OperationCancel>::new();
    let operation = Resource::new(
        move || (id.get(), changed.get(), cancel.version().get()),
        |(id, ..)| async move { operation_fetch(id.ok_or_else(|| missing("operation"))?).await },
    );
    view! {
        <Failure error=failure(cancel) />
        <Transition fallback=Skeleton>
            {awaited(move || async move {
                match operation.await {
                    Ok(operation) => view! { <Shown operation=operation cancel=cancel /> }.into_any(),
                    Err(error) => view! { <Title text="Operation" /><Problem error=error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Shown(operation: OperationShown, cancel: ServerAction<OperationCancel>) -> impl IntoView {
    let title = operation.kind.title_of(&operation.guest_name);
    let why_not = (!operation.can_cancel)
        .then(|| if operation.state.is_over() { "It is over." } else { "It can't be cancelled any more." });
    view! {
        <Title text=title.clone() />
        <PageHead title=title>
            {operation.guest.map(|guest| view! { <a class="button" href=paths::guest(guest)>"Guest"</a> })}
            <ActionForm action=cancel attr:class="inline">
                <input type="hidden" name="operation" value=operation.id.to_string() />
                <button
                    class="button"
                    type="submit"
                    disabled=why_not.is_some()
                    title=why_not
                    aria-describedby=why_not.map(|_| "why-not-cancel")
                >
                    "Cancel operation"
                </button>
                {why_not.map(|why| view! { <span class="visually-hidden" id="why-not-cancel">{why}</span> })}
            </ActionForm>
        </PageHead>
        <p class="note meta">
            "Asked by " {operation.requester.clone()} ", " <When at=operation.created_at />
            {operation.ended_at.map(|at| view! { "; over " <When at=at /> })}
        </p>
        <OperationSteps operation=operation.clone() />
        {(!operation.log.is_empty()).then(|| view! { <Log lines=operation.log /> })}
    }
    .into_any()
}

#[component]
fn Log(lines: Vec<LogLine>) -> impl IntoView {
    let row = |line: LogLine| view! { <tr><td class="meta"><When at=line.at /></td><td>{line.text}</td></tr> };
    view! {
        <h2>"Log"</h2>
        <table class="table log">
            <tbody>{lines.into_iter().map(row).collect_view()}</tbody>
        </table>
    }
    .into_any()
}
