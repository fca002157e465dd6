//! An operation under way or over, in one line or with its steps.

use leptos::prelude::*;

use super::badge::{OperationBadge, StepBadge};
use super::time::When;
use crate::paths;
use crate::shown::{OperationShown, OperationState};

/// Why it failed or is being undone.
fn reason(state: &OperationState) -> Option<String> {
    match state {
        OperationState::Undoing { reason } | OperationState::Failed { reason } => Some(reason.clone()),
        OperationState::Running | OperationState::Done | OperationState::Cancelled => None,
    }
}

fn bar(state: &OperationState) -> &'static str {
    match state {
        OperationState::Running => "bar changing",
        OperationState::Undoing { .. } => "bar attention",
        OperationState::Failed { .. } => "bar failed",
        OperationState::Done | OperationState::Cancelled => "bar",
    }
}

/// What is under way for a guest, in the room that a table's cell has.
#[component]
pub fn OperationDoing(operation: OperationShown) -> impl IntoView {
    let (done, all) = operation.progress();
    view! {
        <a class="doing meta" href=paths::operation(operation.id)>
            {format!("{}, {done} of {all}", operation.kind.title())}
            <progress class=bar(&operation.state) max=all.to_string() value=done.to_string() aria-hidden="true"></progress>
        </a>
    }
    .into_any()
}

/// `Create web-1`, linked.
#[component]
pub fn OperationLink(operation: OperationShown) -> impl IntoView {
    view! {
        <a href=paths::operation(operation.id)>{operation.kind.title_of(&operation.guest_name)}</a>
    }
    .into_any()
}

#[component]
pub fn OperationRows(operations: Vec<OperationShown>) -> impl IntoView {
    operations
        .into_iter()
        .map(|operation| {
            let (done, all) = operation.progress();
            view! {
                <tr>
                    <td data-label="What"><OperationLink operation=operation.clone() /></td>
                    <td data-label="State">
                        <span class="state-cell">
                            <OperationBadge state=operation.state.clone() />
                            {reason(&operation.state).map(|why| view! { <span class="meta">{why}</span> })}
                        </span>
                    </td>
                    <td data-label="Steps" class="number">{format!("{done} of {all}")}</td>
                    <td data-label="By">{operation.requester.clone()}</td>
                    <td data-label="Begun"><When at=operation.created_at /></td>
                </tr>
            }
            .into_any()
        })
        .collect_view()
}

#[component]
pub fn OperationTable(
    operations: Vec<OperationShown>,
    /// Whether there may be others than these.
    #[prop(optional)]
    sought: bool,
) -> impl IntoView {
    if operations.is_empty() && sought {
        return view! { <section class="empty small"><p>"There is nothing like that."</p></section> }.into_any();
    }
    if operations.is_empty() {
        return view! {
            <section class="empty small">
                <p>"Nothing has been done yet."</p>
                <p class="meta">"Whatever takes more than a moment is listed here, step by step, also after a restart of the panel."</p>
            </section>
        }
        .into_any();
    }
    view! {
        <table class="table cards">
            <thead>
                <tr><th>"What"</th><th>"State"</th><th class="number">"Steps"</th><th>"By"</th><th>"Begun"</th></tr>
            </thead>
            <tbody><OperationRows operations=operations /></tbody>
        </table>
    }
    .into_any()
}

/// The steps in order, each with its state.
#[component]
pub fn OperationSteps(operation: OperationShown) -> impl IntoView {
    let (done, all) = operation.progress();
    let reason = reason(&operation.state);
    view! {
        <div class="steps-panel">
            <p class="steps-head">
                <OperationLink operation=operation.clone() />
                <OperationBadge state=operation.state.clone() />
                <span class="meta">{format!("{done} of {all} steps")}</span>
            </p>
            <progress class=bar(&operation.state) max=all.to_string() value=done.to_string() aria-label="Steps done"></progress>
            {reason.map(|why| view! { <p class="notice failed">{why}</p> })}
            <ol class="steps">
                {operation
                    .steps
                    .into_iter()
                    .map(|step| view! { <li><span>{step.name}</span> <StepBadge state=step.state /></li> })
                    .collect_view()}
            </ol>
        </div>
    }
    .into_any()
}
