//! Tokens: what programs come in with instead of a password. Each is of one account, may do no more than
//! that, and less by its scopes. Only a hash of it is kept.

use rand::Rng as _;
use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::proof::Proof;
use umbel_app::shown::{NewToken, Scope, TokenAsk, TokenDraft, TokenShown};
use umbel_guest::token::PREFIX;
use umbel_guest::{FieldError, FieldErrors, GroupId, GroupName, PanelRight};

use super::{Accounts, caller};
use crate::clock::{DAY, MINUTE};
use crate::hex::{hex, sha256_hex};
use crate::store::groups::{group_fetch, group_fetch_by_name, member_fetch};
use crate::store::tokens::{
    Token, token_delete_of, token_fetch, token_insert, token_is_there, token_list, token_touch,
};
use crate::store::{On, Tx};

/// Days that a token is good at most.
const MOST_DAYS: u32 = 366;
/// Characters of a name.
const MOST_NAME: usize = 64;
/// Of one account.
const MOST_TOKENS: usize = 100;

/// What is asked for, by form or by link.
struct Draft<'a> {
    name: String,
    group: Option<Wanted<'a>>,
    /// Words of [`Scope`].
    scopes: Vec<String>,
    days: u32,
}

/// The group that a token is to be bound to, as it was named.
enum Wanted<'a> {
    Id(GroupId),
    Name(&'a str),
}

impl Accounts {
    pub async fn token_list(&self, caller: &Caller) -> Result<Vec<TokenShown>, AppError> {
        Ok(token_list(&self.db, caller.account.id).await?.into_iter().map(shown).collect())
    }

    pub async fn token_create(&self, caller: &Caller, draft: TokenDraft) -> Result<NewToken, AppError> {
        let secret = format!("{PREFIX}{}", hex(&rand::rng().random::<[u8; 32]>()));
        let mut tx = self.db.begin().await?;
        let TokenDraft { name, group, scopes, days } = draft;
        let (id, group) = (sha256_hex(secret.as_bytes()), group.map(Wanted::Id));
        let token = self.token((&mut tx).into(), caller, id, Draft { name, group, scopes, days }).await?;
        self.token_keep(tx, caller, &token).await?;
        Ok(NewToken { id: token.id, name: token.name, token: secret })
    }

    /// Refused as [`Accounts::token_admit`] would refuse it; keeps nothing.
    pub async fn token_asked(&self, caller: &Caller, ask: &TokenAsk) -> Result<(), AppError> {
        self.token_of_program((&self.db).into(), caller, ask).await.map(drop)
    }

    /// A token that a program has made by itself: only its hash has come here.
    pub async fn token_admit(&self, caller: &Caller, ask: &TokenAsk) -> Result<(), AppError> {
        let mut tx = self.db.begin().await?;
        let token = self.token_of_program((&mut tx).into(), caller, ask).await?;
        self.token_keep(tx, caller, &token).await
    }

    async fn token_of_program(&self, mut on: On<'_>, caller: &Caller, ask: &TokenAsk) -> Result<Token, AppError> {
        let is_hash = ask.id.len() == 64 && ask.id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !is_hash {
            let message = "The SHA-256 of the token, in lower-case hexadecimal.";
            return Err(AppError::Invalid(FieldErrors::one("id", message)));
        }
        let group = Some(ask.group.as_str()).filter(|name| !name.is_empty()).map(Wanted::Name);
        let scopes = ask.scopes.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        // No number is refused as the days that it can't be.
        let days = ask.days.parse().unwrap_or(0);
        let draft = Draft { name: ask.name.clone(), group, scopes, days };
        let token = self.token(on.again(), caller, ask.id.clone(), draft).await?;
        if token_is_there(on, &token.id).await? {
            return Err(AppError::Conflict { message: "It has been given a token already. Let it ask anew.".into() });
        }
        Ok(token)
    }

    /// As it would be; nothing is written.
    async fn token(&self, mut on: On<'_>, caller: &Caller, id: String, draft: Draft<'_>) -> Result<Token, AppError> {
        let Draft { name, group, scopes, days } = draft;
        let mut wrong = FieldErrors::default();
        let (name, scopes) = checked(caller, &name, &scopes, days, &mut wrong);
        let group = match group {
            Some(group) => wrong.take(bindable(on.again(), caller, group, &scopes).await?),
            None => None,
        };
        if !wrong.is_empty() {
            return Err(AppError::Invalid(wrong));
        }
        let (now, account) = (self.clock.now(), caller.account.id);
        let token = Token {
            id,
            account,
            group,
            name,
            scopes,
            created_at: now,
            expires_at: now + i64::from(days) * DAY,
            last_used_at: None,
        };
        if token_list(on, account).await?.len() >= MOST_TOKENS {
            let message = format!("You have {MOST_TOKENS} tokens. Remove one that isn't used any more first.");
            return Err(AppError::Conflict { message });
        }
        Ok(token)
    }

    async fn token_keep(&self, mut tx: Tx, caller: &Caller, token: &Token) -> Result<(), AppError> {
        token_insert(&mut tx, token).await.map_err(|error| {
            let taken = || FieldErrors::one("name", format!("You have a token {} already.", token.name));
            if error.is_duplicate() { AppError::Invalid(taken()) } else { error.into() }
        })?;
        tx.commit().await?;
        tracing::info!(token = token.name, by = caller.account.name, scopes = ?token.scopes, "a token was made");
        self.people_changed();
        Ok(())
    }

    /// Ends whatever came in with it.
    pub async fn token_remove(&self, caller: &Caller, token: String) -> Result<(), AppError> {
        if !token_delete_of(&self.db, &token, caller.account.id).await? {
            return Err(AppError::not_found("token"));
        }
        self.live.end([token.as_str()]);
        tracing::info!(by = caller.account.name, "a token was removed");
        self.people_changed();
        Ok(())
    }

    /// Whose the token is, and what it lets in to; `None` if there is no such token or its account lets nobody in.
    pub async fn token_caller(&self, secret: &str) -> Result<Option<(Caller, Vec<Scope>)>, AppError> {
        if !secret.starts_with(PREFIX) {
            return Ok(None);
        }
        let now = self.clock.now();
        let id = sha256_hex(secret.as_bytes());
        let Some(token) = token_fetch(&self.db, &id, now).await? else { return Ok(None) };
        // Not with each request: a program that asks often would write as often.
        if token.last_used_at.is_none_or(|at| now - at >= MINUTE) {
            token_touch(&self.db, &id, now).await?;
        }
        let found = caller(token.account, &id, Proof::OfProgram, now);
        Ok(found.map(|caller| (Caller { bound: token.group, ..caller }, token.scopes)))
    }
}

/// Name and scopes of what is asked for, as they are kept; every wrong field is named at once.
fn checked(caller: &Caller, name: &str, words: &[String], days: u32, wrong: &mut FieldErrors) -> (String, Vec<Scope>) {
    let name = name.trim().to_owned();
    if name.is_empty() || name.chars().count() > MOST_NAME || name.chars().any(char::is_control) {
        wrong.0.push(FieldError::new("name", format!("A name has 1 to {MOST_NAME} characters.")));
    }
    let mut scopes = Vec::new();
    for word in words {
        scopes.extend(wrong.take(word.parse::<Scope>()));
    }
    scopes.sort_unstable();
    scopes.dedup();
    if words.is_empty() {
        wrong.0.push(FieldError::new("scopes", "Choose what the token may do."));
    }
    if scopes.contains(&Scope::Manage) && caller.may(PanelRight::ManagePeople).is_err() {
        wrong.0.push(FieldError::new("scopes", "Only administrators have what the scope manage opens."));
    }
    if !(1..=MOST_DAYS).contains(&days) {
        wrong.0.push(FieldError::new("days", format!("A token is good for 1 to {MOST_DAYS} days.")));
    }
    (name, scopes)
}

/// The group, if a token of theirs may be bound to it.
async fn bindable(
    mut on: On<'_>,
    caller: &Caller,
    group: Wanted<'_>,
    scopes: &[Scope],
) -> Result<Result<(GroupId, GroupName), FieldError>, AppError> {
    if scopes.contains(&Scope::Manage) {
        return Ok(Err(FieldError::new("group", "What the scope manage opens is no group's.")));
    }
    let found = match group {
        Wanted::Id(group) => group_fetch(on.again(), group).await?,
        Wanted::Name(name) => match name.parse() {
            Ok(name) => group_fetch_by_name(on.again(), &name).await?,
            Err(_) => None,
        },
    };
    let role = match &found {
        Some(group) => member_fetch(on, group.id, caller.account.id).await?,
        None => None,
    };
    let found = found.filter(|_| role.is_some()).map(|group| (group.id, group.name));
    Ok(found.ok_or_else(|| FieldError::new("group", "You are in no such group.")))
}

fn shown(token: Token) -> TokenShown {
    TokenShown {
        id: token.id,
        name: token.name,
        group: token.group.as_ref().map(|(group, _)| *group),
        group_name: token.group.map(|(_, name)| name),
        scopes: token.scopes,
        created_at: token.created_at,
        expires_at: token.expires_at,
        last_used_at: token.last_used_at,
    }
}
