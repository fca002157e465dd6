use leptos::prelude::*;
use umbel_guest::state::Badge;

use crate::shown::{OperationState, StepState};

fn class(badge: Badge) -> &'static str {
    match badge {
        Badge::Running => "badge running",
        Badge::Starting | Badge::Stopping => "badge changing",
        Badge::Stopped => "badge stopped",
        Badge::Crashed => "badge failed",
        Badge::Deleted => "badge attention",
    }
}

/// Word, shape and colour: none of them alone.
#[component]
pub fn StateBadge(badge: Badge) -> impl IntoView {
    view! {
        <span class=class(badge) data-state=badge.word().to_lowercase()>
            <span class="shape" aria-hidden="true">{badge.shape()}</span>
            {badge.word()}
        </span>
    }
}

#[component]
pub fn OperationBadge(state: OperationState) -> impl IntoView {
    let (shape, class, word) = match state {
        OperationState::Running => ("◐", "badge changing", "Running"),
        OperationState::Undoing { .. } => ("◐", "badge attention", "Undoing"),
        OperationState::Done => ("●", "badge running", "Done"),
        OperationState::Failed { .. } => ("▲", "badge failed", "Failed"),
        OperationState::Cancelled => ("◌", "badge stopped", "Cancelled"),
    };
    view! {
        <span class=class>
            <span class="shape" aria-hidden="true">{shape}</span>
            {word}
        </span>
    }
}

#[component]
pub fn StepBadge(state: StepState) -> impl IntoView {
    let (shape, class, word) = match state {
        StepState::Waiting => ("◌", "badge stopped", "waiting"),
        StepState::Running => ("◐", "badge changing", "running"),
        StepState::Done => ("●", "badge running", "done"),
        StepState::Failed => ("▲", "badge failed", "failed"),
        StepState::Undone => ("↶", "badge attention", "undone"),
    };
    view! {
        <span class=class>
            <span class="shape" aria-hidden="true">{shape}</span>
            {word}
        </span>
    }
}
