//! What is slow or has several steps: a row with steps, log and requester that survives a kill at any
//! point.
//!
//! [`step`] is what a step may do, a file per operation is its table, [`state`] decides what comes
//! next out of rows alone, [`runner`] does it. One operation at a time for a guest: a second one is
//! refused by the name of the first, unless it takes its place ([`takes_over`]).
//!
//! # To add an operation
//! Add its kind to `umbel_app::shown::OperationKind`, a file `<noun>_<verb>.rs` with its `STEPS`, and
//! a line in [`table`]. The fault tests in `tests/it/faults.rs` walk every kind.

pub mod backup_restore;
pub mod backup_take;
pub mod disk_swap;
pub mod file_fetch;
pub mod file_send;
pub mod guest_adopt;
pub mod guest_create;
pub mod guest_delete;
pub mod guest_kill;
pub mod guest_purge;
pub mod guest_restart;
pub mod guest_shut_down;
pub mod guest_start;
pub mod guest_start_shell;
pub mod image_import;
pub mod kernel_add;
pub mod runner;
pub mod snapshot_take;
pub mod state;
pub mod step;
mod vault;

use umbel_app::shown::OperationKind;

pub use runner::{About, Drill, Operations, Requester};
pub use step::{FetchParams, ImageParams, Params, ParcelParams, PublishParams, Run, Step, StepError};

/// The steps of a kind, in order.
pub fn table(kind: OperationKind) -> &'static [Step] {
    match kind {
        OperationKind::GuestCreate => guest_create::STEPS,
        OperationKind::GuestStart => guest_start::STEPS,
        OperationKind::GuestShutDown => guest_shut_down::STEPS,
        OperationKind::GuestKill => guest_kill::STEPS,
        OperationKind::GuestRestart => guest_restart::STEPS,
        OperationKind::GuestDelete => guest_delete::STEPS,
        OperationKind::GuestPurge => guest_purge::STEPS,
        OperationKind::GuestStartShell => guest_start_shell::STEPS,
        OperationKind::GuestAdopt => guest_adopt::STEPS,
        OperationKind::KernelAdd => kernel_add::STEPS,
        OperationKind::ImageImport => image_import::STEPS,
        OperationKind::SnapshotTake => snapshot_take::STEPS,
        OperationKind::SnapshotRestore | OperationKind::GuestReset => disk_swap::STEPS,
        OperationKind::BackupTake => backup_take::STEPS,
        OperationKind::BackupRestore => backup_restore::STEPS,
        OperationKind::FileSend => file_send::STEPS,
        OperationKind::FileFetch => file_fetch::STEPS,
    }
}

/// Kinds whose first step has something to take back before it begins: a guest's row, a snapshot's, uploaded files.
pub fn begun_before(kind: OperationKind) -> bool {
    use OperationKind as K;
    matches!(
        kind,
        K::GuestCreate | K::GuestAdopt | K::KernelAdd | K::ImageImport | K::SnapshotTake | K::BackupTake | K::FileSend
    )
}

/// How many of its first steps a cancel may still undo. Only what makes something new has a way back
/// that is not another action; a deletion is taken back by its own.
pub fn cancellable(kind: OperationKind) -> usize {
    match kind {
        OperationKind::GuestCreate => guest_create::STEPS.len() - 1,
        OperationKind::GuestAdopt => guest_adopt::STEPS.len() - 1,
        OperationKind::KernelAdd => kernel_add::STEPS.len() - 1,
        OperationKind::ImageImport => image_import::STEPS.len() - 1,
        OperationKind::BackupTake => backup_take::STEPS.len() - 1,
        OperationKind::FileSend => file_send::STEPS.len() - 1,
        OperationKind::FileFetch => file_fetch::STEPS.len() - 1,
        _ => 0,
    }
}

/// Whether a new operation ends the one that is under way for its guest and goes on in its place.
/// `booting`: the old one only watches its last step.
pub fn takes_over(new: OperationKind, old: OperationKind, booting: bool) -> bool {
    use OperationKind as K;
    match (new, old) {
        (K::GuestCreate | K::GuestAdopt, _) | (_, K::GuestPurge) => false,
        // Before its last step a creation is cancelled, not killed, and a disk that is swapped is left to it.
        (
            K::GuestKill | K::GuestShutDown | K::GuestDelete | K::GuestPurge,
            K::GuestCreate | K::GuestAdopt | K::GuestReset | K::SnapshotRestore | K::BackupRestore,
        ) => booting,
        (K::GuestKill, K::GuestStart | K::GuestStartShell | K::GuestShutDown | K::GuestRestart) => true,
        (K::GuestShutDown, K::GuestStart | K::GuestStartShell) => true,
        (K::GuestDelete, K::GuestStart | K::GuestStartShell | K::GuestShutDown | K::GuestRestart | K::GuestKill) => {
            true
        }
        (K::GuestPurge, _) => true,
        // A file waits for its guest; what ends the guest ends that too, and the agent takes the disk away with it.
        (
            K::GuestKill
            | K::GuestShutDown
            | K::GuestRestart
            | K::GuestDelete
            | K::GuestReset
            | K::SnapshotRestore
            | K::BackupRestore,
            K::FileSend | K::FileFetch,
        ) => true,
        // They end it anyway, however it stands; one that never comes up is what they are for.
        (
            K::GuestReset | K::SnapshotRestore | K::BackupRestore,
            K::GuestStart | K::GuestStartShell | K::GuestShutDown | K::GuestRestart | K::GuestKill,
        ) => true,
        (
            K::GuestReset | K::SnapshotRestore | K::BackupRestore,
            K::GuestCreate | K::GuestAdopt | K::GuestReset | K::SnapshotRestore | K::BackupRestore,
        ) => booting,
        _ => false,
    }
}
