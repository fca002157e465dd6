//! What one may have: show, list, ask, set, decide.

use umbel_client::{AccountQuota, Client, GroupQuota, QuotaRequest};
use umbel_guest::QuotaRequestId;
use umbel_guest::quota::{Kind, Said, Standing, UNITS};

use crate::error::Failure;
use crate::options::{QuotaCommand, QuotaOwner, Verdict};
use crate::output::{Column, Output, moment};
use crate::{groups, people};

const STANDINGS: [Column<Standing>; 4] = [
    ("KIND", |standing| standing.kind.word().to_owned()),
    ("USED", |standing| standing.kind.amount(standing.used)),
    ("LIMIT", |standing| most(standing)),
    ("WHY", |standing| standing.limit.why.words().to_owned()),
];

const ACCOUNTS: [Column<AccountQuota>; 3] = [
    ("NAME", |account| account.name.clone()),
    ("ROLE", |account| account.role.clone()),
    ("USED", |account| used(&account.standings)),
];

const GROUPS: [Column<GroupQuota>; 2] =
    [("GROUP", |group| group.name.clone()), ("USED", |group| used(&group.standings))];

const REQUESTS: [Column<QuotaRequest>; 7] = [
    ("REQUEST", |request| request.id.to_string()),
    ("WHO", |request| request.account_name.clone()),
    ("KIND", |request| request.kind.word().to_owned()),
    ("WANTED", |request| request.kind.amount(request.wanted)),
    ("STATE", |request| request.state.clone()),
    ("SINCE", |request| moment(request.created_at)),
    ("WHY", |request| request.why.clone()),
];

pub(crate) async fn run(panel: &Client, command: QuotaCommand, output: &Output) -> Result<(), Failure> {
    match command {
        QuotaCommand::Show { group } => {
            let quota = match groups::named(panel, group.as_deref()).await? {
                Some(group) => panel.quota_of_group(group).await?,
                None => panel.quota_mine().await?,
            };
            if !output.is_for_people() {
                return output.one(&quota);
            }
            output.many(&quota.standings, &STANDINGS)?;
            requests(&quota.requests, output)
        }
        QuotaCommand::List => {
            let quotas = panel.quota_list().await?;
            if !output.is_for_people() {
                return output.one(&quotas);
            }
            output.many(&quotas.accounts, &ACCOUNTS)?;
            if !quotas.groups.is_empty() {
                println!();
                output.many(&quotas.groups, &GROUPS)?;
            }
            requests(&quotas.requests, output)
        }
        QuotaCommand::Ask { kind, wanted, why, group } => {
            let group = groups::named(panel, group.as_deref()).await?;
            println!("{}", panel.quota_ask(group, read_kind(&kind)?, wanted, &why).await?);
            Ok(())
        }
        QuotaCommand::Set { whose, kind, limit, of } => {
            let (kind, limit) = (read_kind(&kind)?, read_limit(&limit)?);
            match of {
                QuotaOwner { role: true, .. } => panel.quota_set_role(&whose, kind, limit).await?,
                QuotaOwner { group: true, .. } if whose == "all" => panel.quota_set_groups(kind, limit).await?,
                QuotaOwner { group: true, .. } => {
                    panel.quota_set_group(groups::find(panel, &whose).await?.id, kind, limit).await?
                }
                QuotaOwner { .. } => {
                    panel.quota_set_account(people::find(panel, &whose).await?.id, kind, limit).await?
                }
            }
            Ok(())
        }
        QuotaCommand::Decide { request, verdict } => {
            let unknown = |_| Failure::Unknown { what: "request", name: request.clone(), list: "quota list" };
            let id: QuotaRequestId = request.parse().map_err(unknown)?;
            match verdict {
                Verdict::Grant => panel.quota_grant(id).await?,
                Verdict::Refuse => panel.quota_refuse(id).await?,
            }
            Ok(())
        }
    }
}

fn requests(requests: &[QuotaRequest], output: &Output) -> Result<(), Failure> {
    if requests.is_empty() {
        return Ok(());
    }
    println!();
    output.many(requests, &REQUESTS)
}

fn most(standing: &Standing) -> String {
    standing.limit.most.map_or_else(|| "no limit".into(), |most| standing.kind.amount(most))
}

/// `guests 2/10, memory 512 MiB/4 GiB`: what anything is used of.
fn used(standings: &[Standing]) -> String {
    let used = standings.iter().filter(|standing| standing.used > 0);
    let used = used.map(|standing| {
        let kind = standing.kind;
        format!("{kind} {}/{}", kind.amount(standing.used), most(standing))
    });
    used.collect::<Vec<_>>().join(", ")
}

fn read_kind(word: &str) -> Result<Kind, Failure> {
    let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.word()).collect();
    word.parse().map_err(|_| Failure::Wrong(format!("there is no kind {word:?}: one of {}", kinds.join(", "))))
}

fn read_limit(word: &str) -> Result<Option<Said>, Failure> {
    match (word, Kind::read(word)) {
        ("default", _) => Ok(None),
        ("none", _) => Ok(Some(Said::NoLimit)),
        (_, Some(most)) => Ok(Some(Said::AtMost(most))),
        _ => Err(Failure::Wrong(format!("{word:?} is no limit: a number, none or default. {UNITS}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_none_or_default() {
        assert_eq!(read_limit("20").expect("a number"), Some(Said::AtMost(20)));
        assert_eq!(read_limit("none").expect("a word"), Some(Said::NoLimit));
        assert_eq!(read_limit("default").expect("a word"), None);
        assert!(read_limit("-1").expect_err("below nothing").in_full().contains("default"));
        assert!(read_kind("ram").expect_err("no kind").in_full().contains("memory"));
    }
}
