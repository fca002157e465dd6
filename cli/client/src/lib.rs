//! A client of the panel: its JSON API under `/api/v1`, the consoles of its guests, and what it says
//! to a tab about changes. Tests, benches and the command line use it; it knows nothing of the server
//! but what travels.
//!
//! ```no_run
//! # async fn example() -> Result<(), umbel_client::Error> {
//! use std::time::Duration;
//!
//! let panel = umbel_client::Client::new("http://127.0.0.1:8080")?;
//! panel.sign_in("ada", "a long password").await?;
//! let form = panel.guest_form().await?;
//! let made = panel.guest_create(&form.suggested()).await?;
//! panel.operation_over(made.operation, Duration::from_secs(30)).await?;
//! let mut console = panel.console(made.guest).await?;
//! console.until("# ", Duration::from_secs(30)).await?;
//! console.type_line("echo $((6*7))").await?;
//! console.until("42", Duration::from_secs(5)).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Read in this order: [`Client`], [`answers`], [`console`], [`Error`].

mod announcements;
pub mod answers;
mod backups;
mod client;
pub mod console;
mod error;
mod events;
mod files;
mod groups;
mod guests;
mod health;
mod host;
mod images;
mod invitations;
mod kernels;
mod keys;
mod networks;
mod operations;
mod pages;
mod parcels;
mod people;
mod quotas;
mod session;
mod shares;
mod snapshots;
mod storage;
mod tls;
mod tokens;
mod uploads;
mod usage;
mod volumes;
mod webhooks;

pub use answers::{
    Account, AccountQuota, AccountUsed, Adopt, AgentLink, Announcement, Check, CheckState, Choice, Created, DayUsed,
    Delivery, Event, FirstPassword, Forward, Group, GroupMember, GroupQuota, GroupRoll, Guest, GuestChange, GuestForm,
    HostFacts, Image, ImageChoice, ImageDraft, Imported, Invitation, InvitationDraft, InvitedInto, Kernel,
    KernelChoice, KernelSettings, Key, LogLine, MemoryInside, Metrics, Network, NetworkGuest, NewInvitation, NewToken,
    NewWebhook, Operation, OperationState, Person, Quota, QuotaRequest, Quotas, RegistrationSettings, Said, Share,
    Snapshot, Snapshots, Step, StepState, Stray, Taken, Token, Topic, UploadedFile, Usage, Wall, Webhook, Webhooks,
};
pub use backups::{Backup, BackupFile, BackupPlan, BackupTaken, Backups};
pub use client::{Client, Socket};
pub use console::{Console, Heard, Log};
pub use error::{Error, Problem};
pub use events::Events;
pub use files::{BackupFiles, File, FileTaken, Files, Opened};
pub use pages::{GuestPage, KernelPage, OperationPage, Page, PersonPage};
pub use parcels::{FileHere, GuestFile, GuestFiles};
pub use reqwest::Method;
pub use storage::{Leftover, Storage, StoredGuest, StoredImage};
pub use tokens::AskedToken;
pub use volumes::{StrayVolume, Volume, VolumeGuest, Volumes};
