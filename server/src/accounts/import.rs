//! Many accounts at once, out of lines that somebody pastes: all of them, or none and what is wrong with which.

use std::collections::{BTreeSet, HashMap};

use csv::{ReaderBuilder, StringRecord, Trim};
use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{ImportDraft, ImportShown, ImportedShown, Role, Topic};
use umbel_guest::{AccountName, FieldError, FieldErrors, GroupName, GroupRole, PanelRight};

use super::groups::{follow, is_full};
use super::people::{first_password, taken};
use super::{Accounts, fresh};
use crate::store::accounts::{Account, account_fetch_by_name, account_insert};
use crate::store::db::On;
use crate::store::groups::{Group, group_list, member_put};

/// At once: each is a password to be hashed.
const MOST_LINES: usize = 200;
/// Lines that are named as wrong; whoever mends those sees the next ones.
const MOST_WRONG: usize = 20;
const FIELD: &str = "lines";

/// A line whose words are right.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    line: u64,
    name: AccountName,
    role: Role,
    group: Option<GroupName>,
}

impl Accounts {
    pub async fn people_import(&self, caller: &Caller, draft: ImportDraft) -> Result<ImportShown, AppError> {
        caller.may(PanelRight::ManagePeople)?;
        let wanted = read(&draft.lines).map_err(AppError::Invalid)?;
        // Before the costly part, and again where it counts.
        places(&self.db, &wanted).await?;
        if draft.only_check {
            return Ok(ImportShown { accounts: wanted.into_iter().map(|wanted| shown(wanted, None)).collect() });
        }
        let mut hashed = Vec::new();
        for _ in &wanted {
            let password = first_password();
            let hash = self.passwords.hash(password.clone()).await?;
            hashed.push((password, hash));
        }

        let mut tx = self.db.begin().await?;
        let groups = places(&mut tx, &wanted).await?;
        let (mut told, mut accounts) = (BTreeSet::new(), Vec::new());
        for (wanted, (password, hash)) in wanted.into_iter().zip(hashed) {
            let account = fresh(wanted.name.clone(), wanted.role, self.clock.now());
            let account = Account { must_change_password: true, ..account };
            account_insert(&mut tx, &account, &hash).await.map_err(|error| taken(error, &account.name))?;
            if let Some(group) = wanted.group.as_ref().and_then(|name| groups.get(name)) {
                member_put(&mut tx, group.id, account.id, GroupRole::Member, self.clock.now()).await?;
                told.extend(follow(&mut tx, group.id, Some(account.id)).await?);
            }
            accounts.push(shown(wanted, Some(password.reveal())));
        }
        tx.commit().await?;
        tracing::info!(accounts = accounts.len(), by = caller.account.name, "accounts were made");
        for account in told {
            self.events.publish(Topic::Rights(account));
        }
        self.people_changed();
        Ok(ImportShown { accounts })
    }
}

/// Words, line by line. Semicolons and tabs part them as well as commas do; a first line of titles is none.
fn read(lines: &str) -> Result<Vec<Wanted>, FieldErrors> {
    let first = lines.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let between = [b',', b';', b'\t'].into_iter().find(|&sign| first.contains(char::from(sign))).unwrap_or(b',');
    let mut csv = ReaderBuilder::new();
    csv.has_headers(false).trim(Trim::All).delimiter(between);
    let mut wrong = FieldErrors::default();
    let (mut all, mut names) = (Vec::new(), BTreeSet::new());
    // A line at a time, so that each is named as its writer counts: no name has a line's end in it.
    for (line, text) in (1_u64..).zip(lines.lines()).filter(|(_, text)| !text.trim().is_empty()) {
        let record = csv.from_reader(text.as_bytes()).into_records().next().unwrap_or_else(|| Ok(StringRecord::new()));
        let record = record.map_err(|error| FieldErrors(vec![at(line, &format!("this is no CSV: {error}."))]))?;
        let is_title =
            all.is_empty() && wrong.is_empty() && record.get(0).is_some_and(|w| w.eq_ignore_ascii_case("name"));
        if is_title {
            continue;
        }
        match wanted(line, &record) {
            Ok(wanted) if names.insert(wanted.name.clone()) => all.push(wanted),
            Ok(wanted) => wrong.0.push(at(line, &format!("{} stands above already.", wanted.name))),
            Err(errors) => wrong.0.extend(errors),
        }
    }
    if all.len() > MOST_LINES {
        wrong.0.push(FieldError::new(FIELD, format!("{MOST_LINES} accounts can be made at once.")));
    }
    if all.is_empty() && wrong.is_empty() {
        wrong.0.push(FieldError::new(FIELD, "Write a name in each line, and after a comma what it should be."));
    }
    wrong.0.truncate(MOST_WRONG);
    if wrong.is_empty() { Ok(all) } else { Err(wrong) }
}

fn wanted(line: u64, record: &StringRecord) -> Result<Wanted, Vec<FieldError>> {
    let word = |place| record.get(place).unwrap_or_default();
    let or_user = |word: &str| if word.is_empty() { Ok(Role::User) } else { word.to_ascii_lowercase().parse() };
    let group = |word: &str| if word.is_empty() { Ok(None) } else { word.parse::<GroupName>().map(Some) };
    match (word(0).parse::<AccountName>(), or_user(word(1)), group(word(2))) {
        (Ok(name), Ok(role), Ok(group)) => Ok(Wanted { line, name, role, group }),
        (name, role, group) => {
            let errors = [name.err(), role.err(), group.err()].into_iter().flatten();
            Err(errors.map(|error| at(line, &error.message)).collect())
        }
    }
}

/// The groups that are named, by name; wrong where a name is taken, a group isn't there, or is full afterwards.
async fn places<'a>(on: impl Into<On<'a>>, all: &[Wanted]) -> Result<HashMap<GroupName, Group>, AppError> {
    let mut on = on.into();
    let mut groups: HashMap<GroupName, Group> =
        group_list(on.again()).await?.into_iter().map(|group| (group.name.clone(), group)).collect();
    let mut wrong = FieldErrors::default();
    for wanted in all {
        if account_fetch_by_name(on.again(), &wanted.name).await?.is_some() {
            wrong.0.push(at(wanted.line, &format!("There is an account {} already.", wanted.name)));
        }
        match wanted.group.as_ref().map(|name| (name, groups.get_mut(name))) {
            Some((name, None)) => wrong.0.push(at(wanted.line, &format!("There is no group {name}."))),
            Some((name, Some(group))) if is_full(group) => {
                wrong.0.push(at(wanted.line, &format!("The group {name} is full.")));
            }
            Some((_, Some(group))) => group.members += 1,
            None => {}
        }
    }
    wrong.0.truncate(MOST_WRONG);
    if wrong.is_empty() { Ok(groups) } else { Err(AppError::Invalid(wrong)) }
}

fn at(line: u64, message: &str) -> FieldError {
    FieldError::new(FIELD, format!("Line {line}: {message}"))
}

fn shown(wanted: Wanted, password: Option<String>) -> ImportedShown {
    ImportedShown { name: wanted.name.into(), role: wanted.role, group: wanted.group, password }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_name_and_may_have_more() {
        let all = read("Name,Role,Group\n\nanna\n berta , Teacher,\n\"carl\",,\"Networks, 2026\"\n").expect("right");
        let words = all.iter().map(|w| (w.line, w.name.as_str(), w.role, w.group.as_ref().map(GroupName::as_str)));
        let right = [
            (3, "anna", Role::User, None),
            (4, "berta", Role::Teacher, None),
            (5, "carl", Role::User, Some("Networks, 2026")),
        ];
        assert_eq!(words.collect::<Vec<_>>(), right);
        for other in ["anna;teacher", "anna\tteacher"] {
            assert_eq!(read(other).expect(other)[0].role, Role::Teacher, "{other:?}");
        }
    }

    #[test]
    fn every_wrong_line_is_named() {
        let errors = read("anna\nb!,king\nanna").expect_err("wrong");
        let lines: Vec<&str> = errors.of(FIELD).map(|text| text.split(':').next().unwrap_or_default()).collect();
        assert_eq!(lines, ["Line 2", "Line 2", "Line 3"]);
        for text in ["", "  \n", "name,role"] {
            assert_eq!(read(text).expect_err("nobody").0.len(), 1, "{text:?}");
        }
        let many: String = (0..=MOST_LINES).map(|i| format!("user{i}\n")).collect();
        assert!(read(&many).expect_err("too many").of(FIELD).any(|text| text.contains("200")));
    }
}
