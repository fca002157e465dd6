//! With whom a guest is shared: list, give, take.

use umbel_client::{Client, Share};

use crate::error::Failure;
use crate::guests::find;
use crate::options::ShareCommand;
use crate::output::{Column, Output, moment};

const COLUMNS: [Column<Share>; 3] = [
    ("WITH", |share| share.name.clone()),
    ("RIGHTS", |share| share.rights.to_string()),
    ("SINCE", |share| moment(share.created_at)),
];

pub(crate) async fn run(panel: &Client, command: ShareCommand, output: &Output) -> Result<(), Failure> {
    match command {
        ShareCommand::List { guest } => output.many(&panel.share_list(find(panel, &guest).await?.id).await?, &COLUMNS),
        ShareCommand::Put { guest, with, rights } => {
            let guest = find(panel, &guest).await?.id;
            output.many(&[panel.share_put(guest, &with, &rights).await?], &COLUMNS)
        }
        ShareCommand::Remove { guest, with } => {
            let guest = find(panel, &guest).await?.id;
            let found = panel.share_list(guest).await?.into_iter().find(|share| share.name == with);
            let share = found.ok_or(Failure::Unknown { what: "share with", name: with, list: "shares list" })?;
            Ok(panel.share_remove(guest, share.account).await?)
        }
    }
}
