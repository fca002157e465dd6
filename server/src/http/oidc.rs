//! Sign-in at a provider: the way there, the way back, and the page by which people link their account.

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use leptos::nonce::Nonce;
use serde::Deserialize;
use tower_sessions::Session;
use tower_sessions::cookie::time::Duration;
use tower_sessions::cookie::{Cookie, SameSite};
use umbel_app::backend::{Caller, Came};
use umbel_app::plain::{MessageView, OidcStage, OidcView, SignInView, message_page, oidc_page, sign_in_page};
use umbel_app::shown::{AccountShown, AuditAction, AuditKind};
use umbel_app::{AppError, paths};
use umbel_guest::{AccountId, FieldErrors};

use super::caller::{self, CameFrom};
use super::confirm;
use super::cookies::Cookies;
use super::error::Reader;
use super::pages::in_query;
use super::secret::Secret;
use super::sign_in::{SignInQuery, after, again, read, settled_in, sign_in_view, to_sign_in};
use crate::accounts::SignedIn;
use crate::audit::What;
use crate::oidc::{Identity, NewAccounts, Oidc, Pending, Purpose, refused};
use crate::panel::Panel;

/// The longest way back that is carried along.
const NEXT: usize = 1000;

/// What the provider sends back (RFC 6749, sections 4.1.2 and 4.1.2.1).
#[derive(Debug, Default, Deserialize)]
pub struct BackQuery {
    #[serde(default)]
    code: Secret,
    #[serde(default)]
    state: String,
    #[serde(default)]
    error: String,
}

/// To the provider. A GET, since a form may lead to no other origin; whoever is sent here by somebody else gets no
/// further than as themselves.
pub async fn begin(
    State(panel): State<Panel>,
    Extension(nonce): Extension<Nonce>,
    query: Result<Query<SignInQuery>, QueryRejection>,
) -> Response {
    let Query(SignInQuery { next, .. }) = query.unwrap_or_default();
    let Some(oidc) = &panel.oidc else { return is_off(&nonce) };
    match oidc.begin(Purpose::SignIn, way(&next).to_owned()).await {
        Ok((url, carried)) => sent(&panel, &url, carried),
        Err(error) => form_again(&panel, error, next, &nonce).await,
    }
}

/// Where somebody is led afterwards.
pub(super) fn way(next: &str) -> &str {
    let way = paths::safe_next(next);
    if way.len() > NEXT { paths::OVERVIEW } else { way }
}

pub(super) fn sent(panel: &Panel, url: &str, carried: String) -> Response {
    carrying(Redirect::to(url).into_response(), cookie(panel.cookies, carried))
}

/// Back from the provider.
pub async fn back(
    State(panel): State<Panel>,
    session: Session,
    CameFrom(came): CameFrom,
    Extension(nonce): Extension<Nonce>,
    headers: HeaderMap,
    query: Result<Query<BackQuery>, QueryRejection>,
) -> Response {
    let Query(query) = query.unwrap_or_default();
    let Some(oidc) = &panel.oidc else { return is_off(&nonce) };
    let carried = carried(panel.cookies, &headers);
    let begun = begun(&panel, oidc, carried.as_deref(), query, came).await;
    let response = match begun {
        Ok((Pending { purpose: Purpose::Link { account, session: id }, .. }, who)) => {
            match owner(&panel, &session, came, account, &id).await {
                Ok(Some(caller)) => link(&panel, &caller, who, &nonce).await,
                Ok(None) => to_sign_in(paths::OIDC),
                Err(error) => Reader::Person.answer(error, &nonce),
            }
        }
        Ok((Pending { purpose: Purpose::Confirm { account, session: id }, next, .. }, who)) => {
            match owner(&panel, &session, came, account, &id).await {
                Ok(Some(caller)) => confirm::back(&panel, &session, &caller, who, next, &nonce).await,
                Ok(None) => to_sign_in(&next),
                Err(error) => Reader::Person.answer(error, &nonce),
            }
        }
        Ok((Pending { purpose: Purpose::SignIn, next, .. }, who)) => {
            settled(&panel, &session, came, &headers, who, next, &nonce).await
        }
        Err(error) => settled(&panel, &session, came, &headers, Err(error), String::new(), &nonce).await,
    };
    carrying(response, gone(panel.cookies))
}

/// Who is signed in, if it is who began it, in the same session.
async fn owner(
    panel: &Panel,
    session: &Session,
    came: Came,
    account: AccountId,
    id: &str,
) -> Result<Option<Caller>, AppError> {
    let caller = caller::caller(panel, session, came).await?;
    Ok(caller.filter(|caller| caller.account.id == account && caller.session == id))
}

/// What was begun in this browser, and whom the provider says it is now. A failure of the provider is part of it.
async fn begun(
    panel: &Panel,
    oidc: &Oidc,
    carried: Option<&str>,
    query: BackQuery,
    came: Came,
) -> Result<(Pending, Result<Identity, AppError>), AppError> {
    // Before anything is asked of the provider.
    let attempt = panel.accounts.oidc_try(came.address)?;
    let pending = oidc.came_back(carried, &query.state)?;
    let who = if query.error.is_empty() {
        oidc.identity(&pending, query.code.0).await
    } else {
        let error: String = query.error.chars().filter(char::is_ascii_graphic).take(40).collect();
        Err(refused(&format!("{} did not sign you in ({error}).", oidc.settings.label)))
    };
    if who.is_ok() {
        attempt.succeeded();
    }
    Ok((pending, who))
}

/// In, half in, or the sign-in page with the reason; with its row in each case.
async fn settled(
    panel: &Panel,
    session: &Session,
    came: Came,
    headers: &HeaderMap,
    who: Result<Identity, AppError>,
    next: String,
    nonce: &str,
) -> Response {
    let said = who.as_ref().map(|who| who.name.clone()).unwrap_or_default();
    let detail = match &who {
        Ok(who) => format!("by {}, subject {}", who.issuer, who.subject),
        Err(_) => "by the sign-in provider".to_owned(),
    };
    let done = match who {
        Ok(who) => sign_in(panel, session, &who, came).await,
        Err(error) => Err(error),
    };
    match caller::settle(panel, session, &said, &detail, came, headers, done).await {
        Ok(account) => after(account.must_change_password(), &next),
        Err(AppError::CodeNeeded) => {
            let next = in_query(paths::safe_next(&next));
            Redirect::to(&format!("{}?next={next}", paths::SIGN_IN_CODE)).into_response()
        }
        Err(error) => form_again(panel, error, next, nonce).await,
    }
}

async fn sign_in(panel: &Panel, session: &Session, who: &Identity, came: Came) -> Result<AccountShown, AppError> {
    let oidc = panel.oidc.as_ref().ok_or(AppError::NotSignedIn)?;
    let account = match (panel.accounts.oidc_account(who).await?, oidc.settings.new_accounts) {
        (Some(account), _) => account,
        (None, NewAccounts::User) => {
            let what = What::new(AuditAction::OidcOpen, AuditKind::Account).named(&who.name).detail(&who.subject);
            let id = |account: &AccountShown| Some(account.id.to_string());
            panel.audit.create(caller::nobody(&who.name, came), what, panel.accounts.oidc_open(who), id).await?.id
        }
        (None, NewAccounts::Off) => {
            let label = &oidc.settings.label;
            return Err(refused(&format!(
                "No account here is linked to this one of {label}. Sign in with your password and link it on your \
                 account page, or ask an administrator for an account."
            )));
        }
    };
    match panel.accounts.oidc_sign_in(account, oidc.settings.second_factor, came.address).await? {
        SignedIn::All(account) => Ok(account),
        SignedIn::Half(half) => {
            caller::keep_half(panel, session, &half).await?;
            Err(AppError::CodeNeeded)
        }
    }
}

async fn link(panel: &Panel, caller: &Caller, who: Result<Identity, AppError>, nonce: &str) -> Response {
    let doing = async { panel.accounts.oidc_link_add(caller, &who?).await };
    match panel.audit.change(caller, caller::own(AuditAction::OidcLink, caller), doing).await {
        Ok(()) => Redirect::to(paths::OIDC).into_response(),
        Err(error) => own_again(panel, caller, error, nonce).await,
    }
}

#[derive(Debug, Default, Deserialize)]
pub struct OidcForm {
    #[serde(default)]
    step: String,
    #[serde(default)]
    password_old: Secret,
}

/// One's own link.
pub async fn shown(
    State(panel): State<Panel>,
    session: Session,
    CameFrom(came): CameFrom,
    Extension(nonce): Extension<Nonce>,
) -> Response {
    let caller = match settled_in(&panel, &session, came, paths::OIDC, &nonce).await {
        Ok(caller) => caller,
        Err(response) => return response,
    };
    match stage(&panel, &caller).await {
        Ok(stage) => Html(oidc_page(&view(&panel, stage, FieldErrors::default()), &nonce)).into_response(),
        Err(error) => Reader::Person.answer(error, &nonce),
    }
}

pub async fn change(
    State(panel): State<Panel>,
    session: Session,
    CameFrom(came): CameFrom,
    Extension(nonce): Extension<Nonce>,
    form: Result<Form<OidcForm>, FormRejection>,
) -> Response {
    let (form, unread) = read(form);
    let caller = match settled_in(&panel, &session, came, paths::OIDC, &nonce).await {
        Ok(caller) => caller,
        Err(response) => return response,
    };
    let done = async {
        unread?;
        match form.step.as_str() {
            "unlink" => {
                caller::oidc_link_remove(&panel, &caller).await?;
                Ok(None)
            }
            "link" => {
                let off = || AppError::Conflict { message: "This panel has no sign-in provider.".into() };
                let oidc = panel.oidc.as_ref().ok_or_else(off)?;
                // Asked again when they are back; nobody is sent there for nothing.
                caller.proved(AuditAction::OidcLink, panel.clock.now())?;
                // Whoever finds an open browser makes no way in that stays.
                if let Err(error) = panel.accounts.password_check(&caller, "password_old", form.password_old.0).await {
                    if panel.audit.is_worth_a_row(&error, came.address) {
                        let what = caller::own(AuditAction::OidcLink, &caller);
                        panel.audit.note(&caller, what, &Err(error.clone())).await?;
                    }
                    return Err(error);
                }
                let purpose = Purpose::Link { account: caller.account.id, session: caller.session.clone() };
                oidc.begin(purpose, paths::OIDC.to_owned()).await.map(Some)
            }
            _ => Err(refused("A step is link or unlink.")),
        }
    };
    match done.await {
        Ok(None) => Redirect::to(paths::OIDC).into_response(),
        Ok(Some((url, carried))) => {
            let view = view(&panel, OidcStage::Go(url), FieldErrors::default());
            carrying(Html(oidc_page(&view, &nonce)).into_response(), cookie(panel.cookies, carried))
        }
        Err(error) => own_again(&panel, &caller, error, &nonce).await,
    }
}

async fn stage(panel: &Panel, caller: &Caller) -> Result<OidcStage, AppError> {
    Ok(match (panel.accounts.oidc_link(caller).await?, &panel.oidc) {
        (Some(link), _) => OidcStage::Linked { issuer: link.issuer, can_go: !link.opened },
        (None, Some(_)) => OidcStage::Unlinked,
        (None, None) => OidcStage::NoProvider,
    })
}

fn view(panel: &Panel, stage: OidcStage, errors: FieldErrors) -> OidcView {
    let label = panel.oidc.as_ref().map(|oidc| oidc.settings.label.clone()).unwrap_or_default();
    OidcView { label, stage, errors }
}

async fn own_again(panel: &Panel, caller: &Caller, error: AppError, nonce: &str) -> Response {
    if error == AppError::ConfirmNeeded {
        return confirm::to(paths::OIDC);
    }
    match stage(panel, caller).await {
        Ok(stage) => again(error, |errors| oidc_page(&view(panel, stage, errors), nonce)),
        Err(error) => Reader::Person.answer(error, nonce),
    }
}

async fn form_again(panel: &Panel, error: AppError, next: String, nonce: &str) -> Response {
    let view = SignInView { next, ..sign_in_view(panel).await };
    again(error, |errors| sign_in_page(&SignInView { errors, ..view }, nonce))
}

pub(super) fn is_off(nonce: &str) -> Response {
    let view = MessageView {
        title: "There is no sign-in provider".into(),
        text: "This panel takes names and passwords only.".into(),
        link: Some((paths::SIGN_IN.to_owned(), "Sign in".to_owned())),
    };
    (StatusCode::NOT_FOUND, Html(message_page(&view, nonce))).into_response()
}

fn name(cookies: Cookies) -> &'static str {
    match cookies {
        Cookies::Secure => "__Host-umbel-oidc",
        Cookies::Plain => "umbel_oidc",
    }
}

/// Lax: the way back begins at the provider, and is a plain GET.
fn cookie(cookies: Cookies, carried: String) -> Cookie<'static> {
    Cookie::build((name(cookies), carried))
        .path("/")
        .secure(cookies == Cookies::Secure)
        .http_only(true)
        .same_site(SameSite::Lax)
        .max_age(Duration::minutes(10))
        .build()
}

fn gone(cookies: Cookies) -> Cookie<'static> {
    let mut gone = cookie(cookies, String::new());
    gone.set_max_age(Duration::ZERO);
    gone
}

fn carrying(mut response: Response, cookie: Cookie<'static>) -> Response {
    if let Ok(value) = HeaderValue::from_str(&cookie.to_string()) {
        response.headers_mut().append(SET_COOKIE, value);
    }
    response
}

fn carried(cookies: Cookies, headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut all = lines.flat_map(Cookie::split_parse).flatten();
    all.find(|cookie| cookie.name() == name(cookies)).map(|cookie| cookie.value().to_owned())
}
