//! Accounts, for administrators.

use umbel_client::{Account, Client};

use crate::error::Failure;
use crate::options::PeopleCommand;
use crate::output::{Column, Output, moment};

const COLUMNS: [Column<Account>; 6] = [
    ("NAME", |account| account.name.clone()),
    ("ROLE", |account| account.role.clone()),
    ("STATE", |account| account.state.clone()),
    ("LAST DAY", |account| account.expires_at.map_or_else(|| "-".into(), last_day)),
    ("GUESTS", |account| account.guests.to_string()),
    ("LAST SIGN-IN", |account| account.last_sign_in_at.map_or_else(|| "never".into(), moment)),
];

pub(crate) async fn run(panel: &Client, command: PeopleCommand, output: &Output) -> Result<(), Failure> {
    match command {
        PeopleCommand::List => output.many(&panel.account_list().await?, &COLUMNS),
        PeopleCommand::Create { name, role } => {
            println!("{}", panel.account_create(&name, &role).await?.password);
            Ok(())
        }
        PeopleCommand::Suspend { name, shut_down } => {
            let guests = if shut_down { "shut_down" } else { "go_on" };
            Ok(panel.account_suspend(find(panel, &name).await?.id, guests).await?)
        }
        PeopleCommand::Reinstate { name } => Ok(panel.account_reinstate(find(panel, &name).await?.id).await?),
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
    let found = panel.account_list().await?.into_iter().find(|account| account.name == name);
    found.ok_or_else(|| Failure::Unknown { what: "account", name: name.to_owned(), list: "people list" })
}

/// The day before the moment at which it ends.
fn last_day(end: i64) -> String {
    moment(end - 1).chars().take(10).collect()
}
