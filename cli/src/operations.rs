//! What the panel is doing: list, show, wait with a bar, cancel.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use umbel_client::{Client, Operation, OperationState, StepState};
use umbel_guest::{GuestId, OperationId};

use crate::error::Failure;
use crate::guests;
use crate::options::{OperationCommand, Wait};
use crate::output::{Column, Output, moment};

/// Between looks at one that is under way.
const LOOK: Duration = Duration::from_millis(150);
/// Characters of a bar.
const WIDTH: usize = 24;

const COLUMNS: [Column<Operation>; 6] = [
    ("OPERATION", |operation| operation.id.to_string()),
    ("WHAT", |operation| operation.kind.clone()),
    ("GUEST", |operation| operation.guest_name.clone()),
    ("STATE", |operation| word(&operation.state)),
    ("BY", |operation| operation.requester.clone()),
    ("SINCE", |operation| moment(operation.created_at)),
];

pub(crate) async fn run(panel: &Client, command: OperationCommand, output: &Output) -> Result<(), Failure> {
    match command {
        OperationCommand::List { guest, limit } => {
            let guest = match guest {
                Some(word) => Some(guests::find(panel, &word).await?.id),
                None => None,
            };
            output.many(&listed(panel, guest, limit).await?, &COLUMNS)
        }
        OperationCommand::Show { operation } => output.one(&panel.operation_fetch(id(&operation)?).await?),
        OperationCommand::Watch { operation, patience } => {
            watch(panel, id(&operation)?, Duration::from_secs(patience), output).await
        }
        OperationCommand::Cancel { operation } => Ok(panel.operation_cancel(id(&operation)?).await?),
    }
}

/// All of them, unless only the newest are wanted.
async fn listed(panel: &Client, guest: Option<GuestId>, limit: Option<u8>) -> Result<Vec<Operation>, Failure> {
    let Some(limit) = limit else { return Ok(panel.operation_list(guest).await?) };
    let guest = guest.map(|guest| guest.to_string()).unwrap_or_default();
    Ok(panel.operation_page(&[("guest", &guest), ("limit", &limit.to_string())]).await?.rows)
}

impl Wait {
    pub(crate) const LONG: Self = Self { no_wait: false, patience: 120 };

    pub(crate) fn patience(self) -> Duration {
        Duration::from_secs(self.patience)
    }
}

fn id(word: &str) -> Result<OperationId, Failure> {
    let unknown = |_| Failure::Unknown { what: "operation", name: word.to_owned(), list: "operations list" };
    word.parse().map_err(unknown)
}

fn word(state: &OperationState) -> String {
    match state {
        OperationState::Running => "running".into(),
        OperationState::Undoing { .. } => "undoing".into(),
        OperationState::Done => "done".into(),
        OperationState::Failed { reason } => format!("failed: {reason}"),
        OperationState::Cancelled => "cancelled".into(),
    }
}

/// Until it is over; fails where it did. A bar where somebody looks.
pub(crate) async fn watch(
    panel: &Client,
    operation: OperationId,
    patience: Duration,
    output: &Output,
) -> Result<(), Failure> {
    let shows = output.is_for_people() && std::io::stderr().is_terminal();
    let end = Instant::now() + patience;
    loop {
        let now = panel.operation_fetch(operation).await?;
        if shows {
            eprint!("\r\x1b[K{}", bar(&now));
            std::io::stderr().flush()?;
        }
        if now.state.is_over() || Instant::now() >= end {
            if shows {
                eprintln!();
            }
            return verdict(now, patience);
        }
        sleep(LOOK).await;
    }
}

fn verdict(operation: Operation, patience: Duration) -> Result<(), Failure> {
    let what = format!("{} of {}", operation.kind, operation.guest_name);
    let reason = match operation.state {
        OperationState::Done => return Ok(()),
        OperationState::Failed { reason } => reason,
        OperationState::Cancelled => "cancelled".into(),
        _ => format!("not over within {patience:?}; umbelctl operations watch {} waits on", operation.id),
    };
    Err(Failure::Failed { what, reason })
}

/// `███████░░░ 2/3 starting`
fn bar(operation: &Operation) -> String {
    let all = operation.steps.len().max(1);
    let done = operation.steps.iter().filter(|step| step.state == StepState::Done).count();
    let full = done * WIDTH / all;
    let at = operation.steps.iter().find(|step| step.state == StepState::Running);
    let at = at.map_or_else(|| word(&operation.state), |step| step.name.clone());
    format!(
        "{}{} {done}/{} {}",
        "█".repeat(full),
        "░".repeat(WIDTH - full),
        operation.steps.len(),
        crate::output::tame(&at)
    )
}
