//! Accounts, for administrators.

use umbel_client::{Account, Client, Imported, Invitation, InvitationDraft};

use crate::apply::text_of;
use crate::error::Failure;
use crate::groups;
use crate::options::PeopleCommand;
use crate::output::{Column, Output, moment};

const COLUMNS: [Column<Account>; 5] = [
    ("NAME", |account| account.name.clone()),
    ("ROLE", |account| account.role.clone()),
    ("STATE", |account| if account.enabled { "enabled".into() } else { "disabled".into() }),
    ("GUESTS", |account| account.guests.to_string()),
    ("LAST SIGN-IN", |account| account.last_sign_in_at.map_or_else(|| "never".into(), moment)),
];

const IMPORTED: [Column<Imported>; 4] = [
    ("NAME", |account| account.name.clone()),
    ("ROLE", |account| account.role.clone()),
    ("GROUP", |account| account.group.clone().unwrap_or_else(|| "-".into())),
    ("FIRST PASSWORD", |account| account.password.clone().unwrap_or_else(|| "-".into())),
];

const INVITATIONS: [Column<Invitation>; 6] = [
    ("ID", |invitation| invitation.id.to_string()),
    ("FOR", |invitation| invitation.note.clone()),
    ("AS", |invitation| match &invitation.group {
        Some(group) => format!("{}, {} of {}", invitation.role, group.role, group.name),
        None => invitation.role.clone(),
    }),
    ("CAME", |invitation| format!("{} of {}", invitation.used, invitation.uses)),
    ("UNTIL", |invitation| moment(invitation.expires_at)),
    ("STATE", |invitation| if invitation.over { "over".into() } else { "open".into() }),
];

pub(crate) async fn run(panel: &Client, command: PeopleCommand, output: &Output) -> Result<(), Failure> {
    match command {
        PeopleCommand::List => output.many(&panel.account_list().await?, &COLUMNS),
        PeopleCommand::Create { name, role } => {
            println!("{}", panel.account_create(&name, &role).await?.password);
            Ok(())
        }
        PeopleCommand::Import { file, check } => {
            let lines = text_of(&file)?;
            output.many(&panel.account_import(&lines, check).await?, &IMPORTED)
        }
        PeopleCommand::Invite { group, role, uses, days, note } => {
            let group = match group {
                Some(name) => Some(groups::find(panel, &name).await?.id),
                None => None,
            };
            let draft = InvitationDraft { role, group, uses, days, note };
            println!("{}", panel.invitation_create(&draft).await?.link);
            Ok(())
        }
        PeopleCommand::Invitations => output.many(&panel.invitation_list().await?, &INVITATIONS),
        PeopleCommand::Uninvite { invitation } => Ok(panel.invitation_remove(invitation).await?),
        PeopleCommand::Disable { name } => Ok(panel.account_set_enabled(find(panel, &name).await?.id, false).await?),
        PeopleCommand::Enable { name } => Ok(panel.account_set_enabled(find(panel, &name).await?.id, true).await?),
        PeopleCommand::ResetSecondFactor { name } => {
            Ok(panel.account_reset_second_factor(find(panel, &name).await?.id).await?)
        }
        PeopleCommand::ResetPassword { name } => {
            println!("{}", panel.account_reset_password(find(panel, &name).await?.id).await?.password);
            Ok(())
        }
    }
}

pub(crate) async fn find(panel: &Client, name: &str) -> Result<Account, Failure> {
    let found = panel.account_list().await?.into_iter().find(|account| account.name == name);
    found.ok_or_else(|| Failure::Unknown { what: "account", name: name.to_owned(), list: "people list" })
}
