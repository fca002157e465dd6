//! Who asks, out of the session or by the token that a program sends, and from where; coming in and going out,
//! each with its row in the audit.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, Uri};
use tower_sessions::Session;
use umbel_app::backend::{Caller, Came, Expects};
use umbel_app::proof::Proof;
use umbel_app::shown::{
    AccountShown, AuditAction, AuditKind, AuditVia, RecoveryCodes, Scope, SecondFactorStart, TokenAsk,
};
use umbel_app::{AppError, paths};
use umbel_guest::{AccountId, AccountName};

use super::address::ClientAddress;
use super::condition;
use super::error::{Problem, is_under};
use crate::accounts::{HalfIn, SignedIn as SignedInto, sessions};
use crate::audit::{What, Who};
use crate::panel::Panel;

/// Somebody who is signed in and has a password of their own.
#[derive(Clone, Debug)]
pub struct SignedIn(pub Caller);

/// The same one, who may have said with `If-Match` what they have seen of the thing that they change.
#[derive(Clone, Debug)]
pub struct Changing(pub Caller);

/// Somebody who is signed in, perhaps with a first password still.
#[derive(Clone, Debug)]
pub struct Known(pub Caller);

/// From where a request came, as it says itself. A browser that asks the API does so for a page.
pub fn came(uri: &Uri, headers: &HeaderMap, extensions: &Extensions) -> Came {
    let is = |agent: &[u8]| headers.get(USER_AGENT).is_some_and(|is| is.as_bytes().starts_with(agent));
    let via = match is_under(uri.path(), paths::API) {
        true if is(b"umbelctl/") => AuditVia::CommandLine,
        true if !is(b"Mozilla/") => AuditVia::Api,
        _ => AuditVia::Page,
    };
    Came { via, address: extensions.get::<ClientAddress>().map(|client| client.0) }
}

/// [`came`], for handlers of people who aren't in yet.
#[derive(Clone, Copy, Debug)]
pub struct CameFrom(pub Came);

impl<S: Sync> FromRequestParts<S> for CameFrom {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(came(&parts.uri, &parts.headers, &parts.extensions)))
    }
}

/// The one whose session it is, if it lets somebody in.
pub async fn caller(panel: &Panel, session: &Session, came: Came) -> Result<Option<Caller>, AppError> {
    let Some(account) = session.get::<AccountId>(sessions::ACCOUNT).await.map_err(unreadable)? else {
        return Ok(None);
    };
    let Some(id) = session.id() else { return Ok(None) };
    let confirmed = session.get::<i64>(sessions::CONFIRMED).await.map_err(unreadable)?;
    let found = panel.accounts.caller(account, &sessions::session_hash(&id)).await?;
    Ok(found.map(|caller| Caller { came, proof: confirmed.map_or(caller.proof, Proof::At), ..caller }))
}

/// From a name and a password to a session, where a code is owed with it; without one the session only
/// remembers that. The row is there before the session is.
pub async fn sign_in(
    panel: &Panel,
    session: &Session,
    name: &str,
    password: String,
    code: Option<String>,
    came: Came,
    headers: &HeaderMap,
) -> Result<AccountShown, AppError> {
    let done = match panel.accounts.sign_in(name, password, came.address).await {
        Ok(SignedInto::All(account)) => Ok(account),
        Ok(SignedInto::Half(half)) => match code {
            Some(code) => panel.accounts.sign_in_code(&half, &code, came.address).await,
            None => {
                keep_half(panel, session, &half).await?;
                Err(AppError::CodeNeeded)
            }
        },
        Err(error) => Err(error),
    };
    settle(panel, session, name, "", came, headers, done).await
}

/// The code that a sign-in still owes, as the session remembers it.
pub async fn sign_in_code(
    panel: &Panel,
    session: &Session,
    code: &str,
    came: Came,
    headers: &HeaderMap,
) -> Result<AccountShown, AppError> {
    let half = half(session).await?.ok_or(AppError::NotSignedIn)?;
    let done = panel.accounts.sign_in_code(&half, code, came.address).await;
    settle(panel, session, half.name(), "", came, headers, done).await
}

/// Who owes a code in this session.
pub async fn half(session: &Session) -> Result<Option<HalfIn>, AppError> {
    session.get(sessions::HALF).await.map_err(unreadable)
}

/// In place of whatever the session was: who signs in anew is nobody until they are somebody else.
pub(super) async fn keep_half(panel: &Panel, session: &Session, half: &HalfIn) -> Result<(), AppError> {
    end(panel, session).await?;
    session.insert(sessions::HALF, half).await.map_err(unreadable)?;
    session.save().await.map_err(unreadable)
}

/// The row, and the session where it was right.
pub(super) async fn settle(
    panel: &Panel,
    session: &Session,
    name: &str,
    detail: &str,
    came: Came,
    headers: &HeaderMap,
    done: Result<AccountShown, AppError>,
) -> Result<AccountShown, AppError> {
    // Half of one is neither.
    if !matches!(done, Err(AppError::CodeNeeded)) {
        panel.metrics.sign_in(&done);
        // A database that is away says nothing about who tried.
        if matches!(done, Err(AppError::Invalid(_) | AppError::TooMany { .. })) {
            panel.webhooks.sign_ins.failed(panel.clock.now());
        }
    }
    let what = What::new(AuditAction::SignIn, AuditKind::Session).detail(detail);
    match &done {
        Ok(account) => {
            let proof = Proof::At(panel.clock.now());
            let expects = Expects::Anything;
            let caller = Caller {
                account: account.clone(),
                session: String::new(),
                came,
                proof,
                rights: 0,
                expects,
                bound: None,
            };
            panel.audit.note(&caller, what, &Ok(())).await?;
            begin(panel, session, account, came, headers).await?;
        }
        Err(error) if panel.audit.is_worth_a_row(error, came.address) => {
            panel.audit.note(nobody(name, came), what, &Err(error.clone())).await?;
        }
        Err(_) => {}
    }
    done
}

/// The same proof once more, in a session that goes on.
pub async fn confirm(
    panel: &Panel,
    session: &Session,
    caller: &Caller,
    password: String,
    code: Option<&str>,
) -> Result<(), AppError> {
    let done = panel.accounts.confirm(caller, password, code).await;
    confirmed(panel, session, caller, "", done).await
}

/// The row, and where it was right the time in this session; others of the account stay as they are.
pub(super) async fn confirmed(
    panel: &Panel,
    session: &Session,
    caller: &Caller,
    detail: &str,
    done: Result<(), AppError>,
) -> Result<(), AppError> {
    if matches!(done, Err(AppError::Invalid(_) | AppError::TooMany { .. })) {
        panel.webhooks.sign_ins.failed(panel.clock.now());
    }
    let what = What::new(AuditAction::SessionConfirm, AuditKind::Session).detail(detail);
    match &done {
        Ok(()) => {
            panel.audit.note(caller, what, &done).await?;
            session.insert(sessions::CONFIRMED, panel.clock.now()).await.map_err(unreadable)?;
            session.remove_value(sessions::HALF_CONFIRMED).await.map_err(unreadable)?;
            session.save().await.map_err(unreadable)?;
        }
        Err(error) if panel.audit.is_worth_a_row(error, caller.came.address) => {
            panel.audit.note(caller, what, &done).await?;
        }
        Err(_) => {}
    }
    done
}

/// The provider stood for the password just now.
pub(super) async fn keep_half_confirmed(panel: &Panel, session: &Session) -> Result<(), AppError> {
    session.insert(sessions::HALF_CONFIRMED, panel.clock.now()).await.map_err(unreadable)?;
    session.save().await.map_err(unreadable)
}

/// When it did.
pub(super) async fn half_confirmed(session: &Session) -> Result<Option<i64>, AppError> {
    session.get(sessions::HALF_CONFIRMED).await.map_err(unreadable)
}

/// What a program asked for by a link.
pub async fn token_admit(panel: &Panel, caller: &Caller, ask: &TokenAsk) -> Result<(), AppError> {
    let what = What::new(AuditAction::TokenCreate, AuditKind::Token).named(&ask.name);
    panel.audit.change(caller, what, panel.accounts.token_admit(caller, ask)).await
}

/// A secret for a second factor of one's own, told this once.
pub async fn second_factor_begin(panel: &Panel, caller: &Caller) -> Result<SecondFactorStart, AppError> {
    let what = own(AuditAction::SecondFactorBegin, caller);
    panel.audit.change(caller, what, panel.accounts.second_factor_begin(caller)).await
}

pub async fn second_factor_confirm(panel: &Panel, caller: &Caller, code: &str) -> Result<RecoveryCodes, AppError> {
    let what = own(AuditAction::SecondFactorOn, caller);
    panel.audit.change(caller, what, panel.accounts.second_factor_confirm(caller, code)).await
}

pub async fn second_factor_disable(panel: &Panel, caller: &Caller, code: &str) -> Result<(), AppError> {
    let what = own(AuditAction::SecondFactorOff, caller);
    panel.audit.change(caller, what, panel.accounts.second_factor_disable(caller, code)).await
}

pub async fn oidc_link_remove(panel: &Panel, caller: &Caller) -> Result<(), AppError> {
    let what = own(AuditAction::OidcUnlink, caller);
    panel.audit.change(caller, what, panel.accounts.oidc_link_remove(caller)).await
}

pub(super) fn own(action: AuditAction, caller: &Caller) -> What {
    What::new(action, AuditKind::Account).of(caller.account.id).named(&caller.account.name)
}

/// Somebody who isn't in yet, by the name that was typed. What can't be a name may be a password in the
/// wrong field.
pub fn nobody(name: &str, came: Came) -> Who {
    let name = name.trim().to_ascii_lowercase().parse::<AccountName>();
    Who::named(name.as_ref().map_or("(not a name)", AccountName::as_str), came)
}

/// Signs out, and says so where anybody was signed in.
pub async fn sign_out(panel: &Panel, session: &Session, came: Came) -> Result<(), AppError> {
    if let Some(caller) = caller(panel, session, came).await? {
        panel.audit.note(&caller, What::new(AuditAction::SignOut, AuditKind::Session), &Ok(())).await?;
    }
    end(panel, session).await
}

/// A new password of one's own.
pub async fn password_change(
    panel: &Panel,
    caller: &Caller,
    old: String,
    new: String,
    again: String,
) -> Result<(), AppError> {
    let what = own(AuditAction::PasswordChange, caller);
    panel.audit.change(caller, what, panel.accounts.password_change(caller, old, new, again)).await
}

/// Signs in. The session has a new id afterwards, so that one that was planted before is worth
/// nothing, and whatever hung on the old one ends.
pub async fn begin(
    panel: &Panel,
    session: &Session,
    account: &AccountShown,
    came: Came,
    headers: &HeaderMap,
) -> Result<(), AppError> {
    end(panel, session).await?;
    let agent = headers.get(USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let address = came.address.map(|a| a.to_string()).unwrap_or_default();
    session.insert(sessions::ACCOUNT, account.id).await.map_err(unreadable)?;
    session.insert(sessions::CONFIRMED, panel.clock.now()).await.map_err(unreadable)?;
    session.insert(sessions::ADDRESS, address).await.map_err(unreadable)?;
    session.insert(sessions::USER_AGENT, agent).await.map_err(unreadable)?;
    session.save().await.map_err(unreadable)
}

/// The session is over, if there was one.
async fn end(panel: &Panel, session: &Session) -> Result<(), AppError> {
    // Reading it finds out whether the id in the cookie is one of ours.
    session.get_value(sessions::ACCOUNT).await.map_err(unreadable)?;
    if let Some(id) = session.id() {
        session.flush().await.map_err(unreadable)?;
        panel.accounts.signed_out(&sessions::session_hash(&id)).await;
    }
    session.cycle_id().await.map_err(unreadable)
}

fn unreadable(error: tower_sessions::session::Error) -> AppError {
    match error {
        tower_sessions::session::Error::Store(error) => {
            tracing::warn!(%error, "the session store does not answer");
            AppError::Unavailable { message: "The database can't be reached. Try again in a moment.".into() }
        }
        other => crate::error::internal(&other),
    }
}

/// The token of a program (RFC 6750, section 2.1). A request that has one is of no session, whatever its cookies.
pub fn token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Beside requests for what a group has guests, networks and operations of: a token that is bound to one is good for them.
#[derive(Clone, Copy, Debug)]
pub struct OfGroups;

/// The one whose token it is, if the route is within its scopes; the router puts the scope that is needed
/// beside the request.
async fn by_token(
    panel: &Panel,
    token: &str,
    needed: Option<&Scope>,
    of_groups: Option<&OfGroups>,
) -> Result<Caller, AppError> {
    let (caller, scopes) = panel.accounts.token_caller(token).await?.ok_or(AppError::NotSignedIn)?;
    let reason = match needed {
        Some(_) if caller.bound.is_some() && of_groups.is_none() => {
            "This token is good for one group's guests only.".to_owned()
        }
        Some(needed) if scopes.contains(needed) => return Ok(caller),
        Some(needed) => format!("This token is not good for that: it lacks the scope {}.", needed.word()),
        None => "No token is good for that: sign in with a password.".to_owned(),
    };
    Err(AppError::Forbidden { reason })
}

/// The session that the layer has put beside the request.
fn session(parts: &Parts) -> Result<Session, AppError> {
    parts.extensions.get::<Session>().cloned().ok_or(AppError::NotSignedIn)
}

impl FromRequestParts<Panel> for Known {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, panel: &Panel) -> Result<Self, Problem> {
        let came = came(&parts.uri, &parts.headers, &parts.extensions);
        if let Some(token) = token(&parts.headers) {
            let (scope, of_groups) = (parts.extensions.get::<Scope>(), parts.extensions.get::<OfGroups>());
            let caller = by_token(panel, token, scope, of_groups).await?;
            return Ok(Self(Caller { came, ..caller }));
        }
        Ok(Self(caller(panel, &session(parts)?, came).await?.ok_or(AppError::NotSignedIn)?))
    }
}

impl FromRequestParts<Panel> for Changing {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, panel: &Panel) -> Result<Self, Problem> {
        let SignedIn(caller) = SignedIn::from_request_parts(parts, panel).await?;
        let expects = condition::expects(&parts.headers)?;
        Ok(Self(Caller { expects, ..caller }))
    }
}

impl FromRequestParts<Panel> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, panel: &Panel) -> Result<Self, Problem> {
        let Known(caller) = Known::from_request_parts(parts, panel).await?;
        if caller.account.must_change_password() {
            return Err(AppError::MustChangePassword.into());
        }
        Ok(Self(caller))
    }
}
