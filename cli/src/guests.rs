//! Guests by name or id: list, show, create, change, switch.

use std::fs;
use std::path::Path;

use umbel_client::{Client, Created, Guest, GuestChange};
use umbel_guest::{Action, GuestDraft, OperationId, SetupDraft};

use crate::access::ask_unseen;
use crate::error::Failure;
use crate::options::{Act, Change, GuestCommand, NewGuest, Told, Wait};
use crate::output::{Column, Output, tame};
use crate::{groups, operations};

const COLUMNS: [Column<Guest>; 7] = [
    ("NAME", |guest| guest.name.to_string()),
    ("STATE", |guest| guest.badge().word().to_owned()),
    ("OWNER", |guest| guest.owner_name.clone()),
    ("IMAGE", |guest| guest.image.to_string()),
    ("MEMORY", |guest| format!("{} MiB", guest.memory.mib())),
    ("ADDRESS", |guest| guest.address.map_or_else(|| "-".into(), |address| address.to_string())),
    ("NOTE", |guest| guest.note.to_string()),
];

pub(crate) async fn run(panel: &Client, command: GuestCommand, output: &Output) -> Result<(), Failure> {
    let act = async |act: Act, action| switch(panel, &act.guest, action, act.wait, output).await;
    match command {
        GuestCommand::List => output.many(&panel.guest_list().await?, &COLUMNS),
        GuestCommand::Show { guest } => output.one(&panel.guest_fetch(find(panel, &guest).await?.id).await?),
        GuestCommand::Create(new) => create(panel, new, output).await,
        GuestCommand::Set { guest, change } => {
            let guest = find(panel, &guest).await?;
            output.one(&panel.guest_change(guest.id, &changed(change)).await?)
        }
        GuestCommand::Start(a) => act(a, Action::Start).await,
        GuestCommand::ShutDown(a) => act(a, Action::ShutDown).await,
        GuestCommand::Kill(a) => act(a, Action::Kill).await,
        GuestCommand::Restart(a) => act(a, Action::Restart).await,
        GuestCommand::Pause(a) => act(a, Action::Pause).await,
        GuestCommand::Resume(a) => act(a, Action::Resume).await,
        GuestCommand::StartShell(a) => act(a, Action::StartShell).await,
        GuestCommand::Reset(a) => act(a, Action::Reset).await,
        GuestCommand::Rebuild { act, image } => rebuild(panel, act, image, output).await,
        GuestCommand::Delete(a) => act(a, Action::Delete).await,
        GuestCommand::Undelete(a) => act(a, Action::Undelete).await,
        GuestCommand::Purge { guest, confirm } => {
            let found = find(panel, &guest).await?;
            if found.name.as_str() != confirm {
                let message = format!("--confirm {confirm} is not its name: purging {} can't be undone", found.name);
                return Err(Failure::Wrong(message));
            }
            switch(panel, &guest, Action::Purge, Wait::LONG, output).await
        }
        GuestCommand::Give { guest, to } => Ok(panel.guest_give(find(panel, &guest).await?.id, &to).await?),
        GuestCommand::SetUp { guest, setup } => {
            Ok(panel.guest_set_up(find(panel, &guest).await?.id, &told(setup)?).await?)
        }
        GuestCommand::Log { guest } => {
            let log = panel.console_log(find(panel, &guest).await?.id, 0).await?;
            // What a guest prints must not steer this terminal; lines stay lines.
            log.text().lines().for_each(|line| println!("{}", tame(line)));
            Ok(())
        }
    }
}

async fn rebuild(panel: &Client, act: Act, image: Option<String>, output: &Output) -> Result<(), Failure> {
    let guest = find(panel, &act.guest).await?;
    let image = match image {
        Some(image) => image,
        None => match panel.image_fetch(&guest.image).await?.newer {
            Some(newer) => newer.to_string(),
            None => return Err(Failure::Wrong(format!("there is nothing newer than {}: say --image", guest.image))),
        },
    };
    match panel.guest_rebuild(guest.id, &image).await? {
        Some(operation) => over(panel, operation, act.wait, output).await,
        None => Ok(()),
    }
}

/// By id, or by the one name that is its. Names are an owner's own, so an administrator may see two alike.
pub(crate) async fn find(panel: &Client, word: &str) -> Result<Guest, Failure> {
    if let Ok(id) = word.parse() {
        return Ok(panel.guest_fetch(id).await?);
    }
    // An administrator may also say whose.
    let (owner, name) = word.split_once('/').map_or((None, word), |(owner, name)| (Some(owner), name));
    let is = |guest: &Guest| guest.name.as_str() == name && owner.is_none_or(|owner| guest.owner_name == owner);
    let mut found = panel.guest_list().await?.into_iter().filter(is);
    match (found.next(), found.next()) {
        (Some(guest), None) => Ok(guest),
        (Some(one), Some(other)) => Err(Failure::Wrong(format!(
            "{name} is {}'s and {}'s: say {}/{name}, or the id",
            one.owner_name, other.owner_name, one.owner_name
        ))),
        _ => Err(Failure::Unknown { what: "guest", name: word.to_owned(), list: "guests list" }),
    }
}

async fn create(panel: &Client, new: NewGuest, output: &Output) -> Result<(), Failure> {
    let said = changed(new.change);
    let said = GuestChange { name: new.name.or(said.name), ..said };
    let group = groups::named(panel, new.group.as_deref()).await?;
    let setup = told(new.setup)?;
    let draft = GuestDraft { group, setup, ..draft(panel, said, new.image, new.disk).await? };
    let Created { guest, operation } = panel.guest_create(&draft).await?;
    over(panel, operation, new.wait, output).await?;
    if new.wait.no_wait { Ok(()) } else { output.one(&panel.guest_fetch(guest).await?) }
}

/// What is not said is as the page suggests it.
pub(crate) async fn draft(
    panel: &Client,
    said: GuestChange,
    image: Option<String>,
    disk_mib: Option<u32>,
) -> Result<GuestDraft, Failure> {
    let suggested = panel.guest_form().await?.suggested();
    Ok(GuestDraft {
        name: said.name.unwrap_or(suggested.name),
        group: None,
        note: said.note.unwrap_or(suggested.note),
        image: image.unwrap_or(suggested.image),
        kernel: said.kernel.unwrap_or(suggested.kernel),
        memory_mib: said.memory_mib.unwrap_or(suggested.memory_mib),
        disk_mib: disk_mib.unwrap_or(suggested.disk_mib),
        restart_policy: said.restart_policy.unwrap_or(suggested.restart_policy),
        autostart: said.autostart.unwrap_or(suggested.autostart),
        mode: said.mode.unwrap_or(suggested.mode),
        clock: said.clock.unwrap_or(suggested.clock),
        network: said.network.unwrap_or(suggested.network),
        disk_kind: suggested.disk_kind,
        limits: said.limits.unwrap_or(suggested.limits),
        setup: SetupDraft::default(),
    })
}

/// What a guest is told, with what is in the files that were named.
fn told(setup: Told) -> Result<SetupDraft, Failure> {
    let read = |path: &Path| {
        let what = "reading";
        fs::read_to_string(path).map_err(|source| Failure::File { what, path: path.to_owned(), source })
    };
    let keys: Vec<String> = setup.key.iter().map(|path| read(path)).collect::<Result<_, _>>()?;
    Ok(SetupDraft {
        user: setup.user.unwrap_or_default(),
        password: if setup.password { ask_unseen("Password in the guest: ")? } else { String::new() },
        account_keys: setup.account_keys,
        ssh_keys: keys.join("\n"),
        user_data: setup.user_data.as_deref().map(read).transpose()?.unwrap_or_default(),
    })
}

fn changed(change: Change) -> GuestChange {
    GuestChange {
        name: change.rename,
        note: change.note,
        kernel: change.kernel,
        memory_mib: change.memory,
        restart_policy: change.restart_policy,
        autostart: change.autostart,
        mode: change.mode,
        clock: change.clock,
        network: change.network,
        limits: None,
    }
}

async fn switch(panel: &Client, guest: &str, action: Action, wait: Wait, output: &Output) -> Result<(), Failure> {
    let guest = find(panel, guest).await?;
    match panel.guest_act(guest.id, action).await? {
        Some(operation) => over(panel, operation, wait, output).await,
        None => Ok(()),
    }
}

/// Waits for it, or says how to.
pub(crate) async fn over(panel: &Client, operation: OperationId, wait: Wait, output: &Output) -> Result<(), Failure> {
    if wait.no_wait {
        println!("{operation}");
        return Ok(());
    }
    operations::watch(panel, operation, wait.patience(), output).await
}
