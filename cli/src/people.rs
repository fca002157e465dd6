//! Accounts, for administrators.

use umbel_client::{Account, Client, Imported, Invitation, InvitationDraft, Person, RegistrationSettings};

use crate::apply::text_of;
use crate::error::Failure;
use crate::groups;
use crate::options::PeopleCommand;
use crate::output::{Column, Output, moment};

const COLUMNS: [Column<Person>; 6] = [
    ("NAME", |person| person.account.name.clone()),
    ("ROLE", |person| person.account.role.clone()),
    ("STATE", |person| person.account.state.clone()),
    ("LAST DAY", |person| person.account.expires_at.map_or_else(|| "-".into(), last_day)),
    ("GUESTS", |person| person.guests.to_string()),
    ("LAST SIGN-IN", |person| person.account.last_sign_in_at.map_or_else(|| "never".into(), moment)),
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
        PeopleCommand::Suspend { name, shut_down } => {
            let guests = if shut_down { "shut_down" } else { "go_on" };
            Ok(panel.account_suspend(find(panel, &name).await?.id, guests).await?)
        }
        PeopleCommand::Reinstate { name } => Ok(panel.account_reinstate(find(panel, &name).await?.id).await?),
        PeopleCommand::Approve { name } => Ok(panel.account_approve(find(panel, &name).await?.id).await?),
        PeopleCommand::Refuse { name } => Ok(panel.account_refuse(find(panel, &name).await?.id).await?),
        PeopleCommand::Registration { registration: None } => {
            println!("{}", panel.registration_fetch().await?.registration);
            Ok(())
        }
        PeopleCommand::Registration { registration: Some(registration) } => {
            Ok(panel.registration_set(&RegistrationSettings { registration }).await?)
        }
        PeopleCommand::Expire { name, day } => {
            let day = day.unwrap_or_default();
            Ok(panel.account_set_expiry(find(panel, &name).await?.id, &day).await?)
        }
        PeopleCommand::Delete { name, confirm, with_guests, guests_to } => {
            let Account { id, name, .. } = find(panel, &name).await?;
            if name != confirm {
                let message = format!("--confirm {confirm} is not its name: deleting {name} can't be undone");
                return Err(Failure::Wrong(message));
            }
            let done = match guests_to {
                Some(to) => panel.account_remove_giving(id, &to).await,
                None if with_guests => panel.account_remove_with_guests(id).await,
                None => panel.account_remove(id).await,
            };
            Ok(done?)
        }
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
    panel.account_find(name).await?.ok_or_else(|| Failure::Unknown {
        what: "account",
        name: name.to_owned(),
        list: "people list",
    })
}

/// The day before the moment at which it ends.
fn last_day(end: i64) -> String {
    moment(end - 1).chars().take(10).collect()
}
