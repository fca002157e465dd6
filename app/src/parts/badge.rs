use leptos::prelude::*;
use umbel_guest::WallState;
use umbel_guest::state::Badge;

use crate::shown::{OperationState, StepState};

fn class(badge: Badge) -> &'static str {
    match badge {
        Badge::Running => "badge running",
        Badge::Paused => "badge attention",
        Badge::Starting | Badge::Stopping => "badge changing",
        Badge::Stopped => "badge stopped",
        Badge::Crashed => "badge failed",
        Badge::Deleted => "badge attention",
    }
}

/// How style/states.css draws a sign.
fn drawn(shape: &str) -> &'static str {
    match shape {
        "◐" => "shape half-left",
        "◑" => "shape half-right",
        "◌" => "shape ring",
        "▲" => "shape triangle",
        "◼" => "shape square",
        "✕" => "shape cross",
        "↶" => "shape back",
        _ => "shape disc",
    }
}

/// Word, shape and colour: none of them alone.
#[component]
pub fn Mark(shape: &'static str, class: &'static str, words: &'static str) -> impl IntoView {
    view! {
        <span class=class data-state=words.to_ascii_lowercase()>
            // The sign is for those without the style sheet, which draws it alike with every font.
            <span class=drawn(shape) aria-hidden="true">{shape}</span>
            {words}
        </span>
    }
    .into_any()
}

#[component]
pub fn StateBadge(badge: Badge) -> impl IntoView {
    view! { <Mark shape=badge.shape() class=class(badge) words=badge.word() /> }
}

#[component]
pub fn OperationBadge(state: OperationState) -> impl IntoView {
    let (shape, class, words) = match state {
        OperationState::Running => ("◐", "badge changing", "Running"),
        OperationState::Undoing { .. } => ("↶", "badge attention", "Undoing"),
        OperationState::Done => ("●", "badge running", "Done"),
        OperationState::Failed { .. } => ("▲", "badge failed", "Failed"),
        OperationState::Cancelled => ("◌", "badge stopped", "Cancelled"),
    };
    view! { <Mark shape=shape class=class words=words /> }
}

#[component]
pub fn StepBadge(state: StepState) -> impl IntoView {
    let (shape, class, words) = match state {
        StepState::Waiting => ("◌", "badge stopped", "waiting"),
        StepState::Running => ("◐", "badge changing", "running"),
        StepState::Done => ("●", "badge running", "done"),
        StepState::Failed => ("▲", "badge failed", "failed"),
        StepState::Undone => ("↶", "badge attention", "undone"),
    };
    view! { <Mark shape=shape class=class words=words /> }
}

#[component]
pub fn WallBadge(state: WallState) -> impl IntoView {
    let (shape, class, words) = match state {
        WallState::Stands { .. } => ("●", "badge running", "Stands"),
        WallState::SwitchedOff => ("✕", "badge failed", "Switched off"),
        WallState::Missing { .. } => ("◌", "badge attention", "Missing"),
    };
    view! { <Mark shape=shape class=class words=words /> }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_a_shape_of_its_own() {
        let all = [
            Badge::Running,
            Badge::Paused,
            Badge::Starting,
            Badge::Stopping,
            Badge::Stopped,
            Badge::Crashed,
            Badge::Deleted,
        ];
        let shapes: std::collections::HashSet<_> = all.iter().map(|badge| drawn(badge.shape())).collect();
        assert_eq!(shapes.len(), all.len());
    }
}
