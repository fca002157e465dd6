//! Groups of accounts. Names are looked up here; the panel knows groups by their ids.

use umbel_client::{Client, Group, GroupMember};
use umbel_guest::GroupId;

use crate::error::Failure;
use crate::options::GroupCommand;
use crate::output::{Column, Output, moment};

const COLUMNS: [Column<Group>; 4] = [
    ("NAME", |group| group.name.clone()),
    ("KIND", |group| group.kind.clone()),
    ("MEMBERS", |group| group.members.to_string()),
    ("YOU ARE", |group| group.role.clone().unwrap_or_else(|| "-".into())),
];

const MEMBERS: [Column<GroupMember>; 4] = [
    ("NAME", |member| member.name.clone()),
    ("AS", |member| member.role.clone()),
    ("GUESTS", |member| member.guests.to_string()),
    ("SINCE", |member| moment(member.since)),
];

pub(crate) async fn run(panel: &Client, command: GroupCommand, output: &Output) -> Result<(), Failure> {
    match command {
        GroupCommand::List => output.many(&panel.group_list().await?, &COLUMNS),
        GroupCommand::Members { group } => {
            let group = find(panel, &group).await?;
            output.many(&panel.group_fetch(group.id).await?.people, &MEMBERS)
        }
        GroupCommand::Create { name, kind } => Ok(panel.group_create(&name, &kind).await.map(drop)?),
        GroupCommand::Rename { group, name } => {
            let group = find(panel, &group).await?;
            Ok(panel.group_change(group.id, &name, &group.kind).await?)
        }
        GroupCommand::Remove { group } => Ok(panel.group_remove(find(panel, &group).await?.id).await?),
        GroupCommand::Add { group, account, role } => {
            Ok(panel.member_put(find(panel, &group).await?.id, &account, &role).await?)
        }
        GroupCommand::Drop { group, account } => {
            let id = find(panel, &group).await?.id;
            let found = panel.group_fetch(id).await?.people.into_iter().find(|member| member.name == account);
            let unknown = || Failure::Unknown { what: "member", name: account, list: "groups members" };
            Ok(panel.member_remove(id, found.ok_or_else(unknown)?.account).await?)
        }
    }
}

/// The one that was named, if any was.
pub(crate) async fn named(panel: &Client, name: Option<&str>) -> Result<Option<GroupId>, Failure> {
    match name {
        Some(name) => Ok(Some(find(panel, name).await?.id)),
        None => Ok(None),
    }
}

pub(crate) async fn find(panel: &Client, name: &str) -> Result<Group, Failure> {
    let found = panel.group_list().await?.into_iter().find(|group| group.name == name);
    found.ok_or_else(|| Failure::Unknown { what: "group", name: name.to_owned(), list: "groups list" })
}
