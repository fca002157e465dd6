use leptos::prelude::*;

use super::time::{Said, When};
use crate::shown::AgentLink;

/// Says that the agent is away, while it is.
#[component]
pub fn AgentNotice(agent: AgentLink) -> impl IntoView {
    match agent {
        AgentLink::Here => None,
        AgentLink::Away { since } => Some(view! {
            <p class="notice attention" role="status">
                "The agent has been away " <When at=since said=Said::Since />
                ". What is asked for meanwhile is carried out once it is back."
            </p>
        }),
    }
}
