//! `apply -f`: guests as a file says they should be. [`file`] is what may be written, [`plan`] says what
//! would be done, and only then is it done, step after step; the first that fails ends it, and the same
//! command goes on from there.

mod file;
mod plan;

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

use umbel_client::{Client, Group, Guest};
use umbel_guest::{AccountId, GroupId, GuestDraft, GuestId};

use self::file::{File, Wish};
use self::plan::{Restart, Step, Target, plan};
use crate::access::ask;
use crate::error::Failure;
use crate::guests::{draft, over};
use crate::options::{Apply, Wait};
use crate::output::{Column, Output, tame};

const COLUMNS: [Column<Step>; 1] = [("PLAN", |step| step.to_string())];

pub(crate) async fn run(panel: &Client, apply: Apply, output: &Output) -> Result<(), Failure> {
    let file =
        File::read(&text_of(&apply.file)?).map_err(|why| Failure::Wrong(format!("{}: {why}", apply.file.display())))?;
    let restart = if apply.restart { Restart::Allowed } else { Restart::Refused };
    let owners = Owners::read(panel, &file).await?;
    let there = panel.guest_list().await?;
    let (mut todo, mut wrong) = (Vec::new(), Vec::new());
    for wish in &file.guests {
        match plan_of(panel, wish, &there, owners.of(wish)?.0, restart).await? {
            Ok(steps) => todo.push((wish, steps)),
            Err(why) => wrong.push(why),
        }
    }
    if !wrong.is_empty() {
        return Err(Failure::Wrong(wrong.join("\n")));
    }
    let steps: Vec<Step> = todo.iter().flat_map(|(_, steps)| steps.clone()).collect();
    if steps.is_empty() && output.is_for_people() {
        println!("All is as it should be.");
        return Ok(());
    }
    output.many(&steps, &COLUMNS)?;
    if apply.plan || steps.is_empty() {
        return Ok(());
    }
    if !apply.yes {
        agreed(&apply.file)?;
    }
    for (wish, steps) in todo {
        carry_out(panel, wish, owners.of(wish)?.1, steps, apply.patience(), output).await?;
    }
    Ok(())
}

/// Whose guests the file speaks of.
struct Owners {
    me: AccountId,
    groups: Vec<Group>,
}

impl Owners {
    async fn read(panel: &Client, file: &File) -> Result<Self, Failure> {
        let named = file.guests.iter().any(|wish| wish.group.is_some());
        let groups = if named { panel.group_list().await? } else { Vec::new() };
        Ok(Self { me: panel.session_fetch().await?.id, groups })
    }

    fn of(&self, wish: &Wish) -> Result<(AccountId, Option<GroupId>), Failure> {
        let Some(name) = &wish.group else { return Ok((self.me, None)) };
        let found = self.groups.iter().find(|group| group.name == *name);
        let unknown = || Failure::Unknown { what: "group", name: name.clone(), list: "groups list" };
        found.map(|group| (group.id.as_owner(), Some(group.id))).ok_or_else(unknown)
    }
}

pub(crate) fn text_of(path: &Path) -> Result<String, Failure> {
    let failed = |source| Failure::File { what: "reading", path: path.to_owned(), source };
    if path != Path::new("-") {
        return std::fs::read_to_string(path).map_err(failed);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

async fn plan_of(
    panel: &Client,
    wish: &Wish,
    there: &[Guest],
    owner: AccountId,
    restart: Restart,
) -> Result<Result<Vec<Step>, String>, Failure> {
    // One's own, or the group's: a file doesn't reach into what others happen to share.
    let Some(guest) = there.iter().find(|guest| guest.owner == owner && guest.name.as_str() == wish.name) else {
        return Ok(plan(wish, None, restart));
    };
    let shares = if wish.shares.is_some() { panel.share_list(guest.id).await? } else { Vec::new() };
    Ok(plan(wish, Some((guest, &shares)), restart))
}

/// Nothing is done unless somebody has read the plan, or said that nobody need.
fn agreed(file: &Path) -> Result<(), Failure> {
    if file == Path::new("-") || !std::io::stdin().is_terminal() {
        return Err(Failure::Wrong("nobody is there to agree: --yes does it, --plan only shows it".into()));
    }
    match ask("Do this? [y/N] ")?.as_str() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::Wrong("nothing was done".into())),
    }
}

async fn carry_out(
    panel: &Client,
    wish: &Wish,
    group: Option<GroupId>,
    steps: Vec<Step>,
    wait: Wait,
    output: &Output,
) -> Result<(), Failure> {
    let mut made = None;
    for step in steps {
        eprintln!("{}", tame(&step.to_string()));
        let found = |target| match target {
            Target::There(guest) => Ok(guest),
            Target::Made => made.ok_or_else(|| Failure::Wrong(format!("{} was not made", wish.name))),
        };
        match step {
            Step::Create { .. } => made = Some(create(panel, wish, group, wait, output).await?),
            Step::Change { guest, etag, change, .. } => drop(panel.guest_change_seen(guest, &etag, &change).await?),
            Step::Act { guest, action, .. } => {
                if let Some(operation) = panel.guest_act(found(guest)?, action).await? {
                    over(panel, operation, wait, output).await?;
                }
            }
            Step::Share { guest, with, rights, .. } => drop(panel.share_put(found(guest)?, &with, &rights).await?),
            Step::Unshare { guest, account, .. } => panel.share_remove(guest, account).await?,
        }
    }
    Ok(())
}

async fn create(
    panel: &Client,
    wish: &Wish,
    group: Option<GroupId>,
    wait: Wait,
    output: &Output,
) -> Result<GuestId, Failure> {
    let draft = GuestDraft { group, ..draft(panel, wish.said(), wish.image.clone(), wish.disk_mib).await? };
    let made = panel.guest_create(&draft).await?;
    over(panel, made.operation, wait, output).await?;
    Ok(made.guest)
}
