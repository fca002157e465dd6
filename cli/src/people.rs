//! Accounts, for administrators.

use umbel_client::{Account, Client};

use crate::error::Failure;
use crate::options::PeopleCommand;
use crate::output::{Column, Output, moment};

const COLUMNS: [Column<Account>; 5] = [
    ("NAME", |account| account.name.clone()),
    ("ROLE", |account| account.role.clone()),
    ("STATE", |account| if account.enabled { "enabled".into() } else { "disabled".into() }),
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
