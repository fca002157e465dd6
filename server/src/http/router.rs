//! Every route of the panel, in one list that the tests walk.

use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodFilter, MethodRouter, on};
use axum::{Extension, Router};
use umbel_app::paths;
use umbel_app::shown::Scope;
use utoipa_axum::router::UtoipaMethodRouter;
use utoipa_axum::routes;

use super::api::{
    announcements, audit, backups, events, files, groups, guests, host, images, invitations, kernels, keys, networks,
    operations, parcels, people, quotas, registrations, session, shares, snapshots, tokens, uploads, usage, volumes,
    webhooks,
};
use super::caller::OfGroups;
use super::error::is_under;
use super::events::tab;
use super::idempotency::{self, Keeps};
use super::openapi::{Described, asked};
use super::origin::is_safe;
use super::{
    condition, confirm, console, downloads, health, invitation, layers, metrics, oidc, openapi, pages, program,
    registration, second_factor, sign_in,
};
use crate::panel::Panel;

/// One address, asked in one way. What lies under the API is open to tokens: to read for what is safe, to write
/// for the rest, unless it says otherwise.
#[derive(Debug)]
pub struct Route {
    pub method: Method,
    /// As axum spells it: `{guest}` stands for one segment.
    pub path: String,
    /// What a token must be good for; none is where only a sign-in is.
    pub scope: Option<Scope>,
    /// Whether a token that is bound to a group is good for it.
    pub of_groups: bool,
    /// Whether it may be asked under an `Idempotency-Key`, and what is kept of its answer then.
    pub keeps: Option<Keeps>,
    /// What the API's document says of it.
    pub described: Option<Described>,
    to: MethodRouter<Panel>,
}

impl Route {
    fn new(method: Method, path: impl Into<String>, to: MethodRouter<Panel>) -> Self {
        let path = path.into();
        let usual = if is_safe(&method) { Scope::Read } else { Scope::Write };
        Self {
            scope: is_under(&path, paths::API).then_some(usual),
            method,
            path,
            of_groups: false,
            keeps: None,
            described: None,
            to,
        }
    }

    /// A handler with an attribute, as [`api!`] reads it.
    fn described<H: asked::Described<P>, P>(
        names: (&str, &str),
        (schemas, paths, to): UtoipaMethodRouter<Panel>,
        handler: &H,
    ) -> Self {
        let (method, path, described) = Described::read(names, (schemas, paths), handler);
        let route = Self::new(method, path, to);
        let scope = if described.is_open() { None } else { route.scope };
        Self { scope, described: Some(described), ..route }
    }

    /// It makes something: under a key it does so once.
    fn once(self) -> Self {
        Self { keeps: Some(Keeps::All), ..self }
    }

    /// The same where the answer holds a secret.
    fn once_secret(self) -> Self {
        Self { keeps: Some(Keeps::Status), ..self }
    }

    fn of(self, scope: Scope) -> Self {
        Self { scope: Some(scope), ..self }
    }

    /// Of guests, and shows a bound token those of its group and no others.
    fn of_groups(self) -> Self {
        Self { of_groups: true, ..self }
    }

    /// Not for programs: who has a token shall not make others of it, nor change the password.
    fn signed_in_only(self) -> Self {
        Self { scope: None, ..self }
    }
}

fn get<H: Handler<T, Panel>, T: 'static>(path: impl Into<String>, handler: H) -> Route {
    Route::new(Method::GET, path, on(MethodFilter::GET, handler))
}

fn post<H: Handler<T, Panel>, T: 'static>(path: impl Into<String>, handler: H) -> Route {
    Route::new(Method::POST, path, on(MethodFilter::POST, handler))
}

/// A route of the API. Its method and its path stand with the handler, in the attribute `utoipa::path`; a
/// handler without one is not taken.
macro_rules! api {
    ($noun:ident::$verb:ident) => {
        Route::described((stringify!($noun), stringify!($verb)), routes!($noun::$verb), &$noun::$verb)
    };
}

/// All of them. What is not here is a file of the site, or nothing. Finding the pages needs a runtime.
pub fn routes() -> Vec<Route> {
    let mut routes = own();
    // Pages with their server functions, as umbel-app lists them.
    routes.extend(pages::paths().into_iter().map(|path| get(path, pages::page)));
    routes.extend(pages::server_fns().into_iter().map(|path| post(path, pages::server_fn)));
    routes
}

/// All but the pages.
pub fn own() -> Vec<Route> {
    vec![
        get("/healthz", health::healthz),
        get("/readyz", health::readyz),
        get("/backups/{backup}/disk", downloads::backup_disk),
        get("/backups/{backup}/content", downloads::backup_file),
        get("/guests/{guest}/disk/{snapshot}/content", downloads::snapshot_file),
        get(paths::METRICS, metrics::shown).of(Scope::Read),
        // Plain pages, for people who aren't in yet.
        get(paths::SIGN_IN, sign_in::sign_in_shown),
        post(paths::SIGN_IN, sign_in::sign_in),
        post(paths::SIGN_OUT, sign_in::sign_out),
        get(paths::FIRST_RUN, sign_in::first_run_shown),
        post(paths::FIRST_RUN, sign_in::first_run),
        get(paths::INVITATION, invitation::shown),
        post(paths::INVITATION, invitation::accept),
        get(paths::REGISTER, registration::shown),
        post(paths::REGISTER, registration::register),
        get(paths::NEW_PASSWORD, sign_in::new_password_shown),
        post(paths::NEW_PASSWORD, sign_in::new_password),
        get(paths::SIGN_IN_CODE, second_factor::code_shown),
        post(paths::SIGN_IN_CODE, second_factor::code),
        get(paths::SECOND_FACTOR, second_factor::shown),
        post(paths::SECOND_FACTOR, second_factor::change),
        get(paths::CONFIRM, confirm::shown),
        post(paths::CONFIRM, confirm::confirm),
        get(paths::CONFIRM_PROVIDER, confirm::begin),
        get(paths::PROGRAM, program::shown),
        post(paths::PROGRAM, program::give),
        get(paths::OIDC_BEGIN, oidc::begin),
        get(paths::OIDC_BACK, oidc::back),
        get(paths::OIDC, oidc::shown),
        post(paths::OIDC, oidc::change),
        // What has changed, told to every open tab.
        get(paths::EVENTS, tab::open).of(Scope::Read).of_groups(),
        // The API, and what it says of itself.
        get(paths::API_PAGE, openapi::page::shown),
        api!(openapi::fetch),
        api!(events::stream).of_groups(),
        api!(session::fetch).of_groups(),
        api!(session::create).signed_in_only(),
        api!(session::end).signed_in_only(),
        api!(session::confirm).signed_in_only(),
        api!(session::password).signed_in_only(),
        api!(session::second_factor).signed_in_only(),
        api!(session::second_factor_begin).signed_in_only().once_secret(),
        api!(session::second_factor_confirm).signed_in_only(),
        api!(session::second_factor_disable).signed_in_only(),
        api!(session::link_remove).signed_in_only(),
        api!(keys::list),
        api!(keys::add).signed_in_only().once(),
        api!(keys::remove).signed_in_only(),
        api!(tokens::list).signed_in_only(),
        api!(tokens::create).signed_in_only().once_secret(),
        api!(tokens::remove).signed_in_only(),
        api!(guests::list).of_groups(),
        api!(guests::create).once().of_groups(),
        api!(guests::form).of_groups(),
        api!(guests::fetch).of_groups(),
        api!(guests::change).of_groups(),
        api!(guests::delete).of_groups(),
        api!(guests::start).of(Scope::Power).of_groups(),
        api!(guests::shut_down).of(Scope::Power).of_groups(),
        api!(guests::kill).of(Scope::Power).of_groups(),
        api!(guests::restart).of(Scope::Power).of_groups(),
        api!(guests::pause).of(Scope::Power).of_groups(),
        api!(guests::resume).of(Scope::Power).of_groups(),
        // Into a shell of root's, who then types.
        api!(guests::start_shell).of(Scope::Console).of_groups(),
        api!(guests::reset).of_groups(),
        api!(guests::rebuild).of_groups(),
        api!(snapshots::list).of_groups(),
        api!(snapshots::traces).of_groups(),
        api!(snapshots::take).once().of_groups(),
        api!(snapshots::plan).of_groups(),
        api!(snapshots::restore).of_groups(),
        api!(snapshots::clone).once().of_groups(),
        api!(snapshots::remove).of_groups(),
        api!(backups::list).of_groups(),
        api!(backups::list_of).of_groups(),
        api!(backups::plan).of_groups(),
        api!(backups::take).once().of_groups(),
        api!(backups::restore).of_groups(),
        api!(backups::download).of(Scope::Write).of_groups(),
        api!(backups::clone).once().of_groups(),
        api!(backups::remove).of_groups(),
        api!(files::of_backup).of_groups(),
        api!(files::open).of_groups(),
        api!(files::close).of_groups(),
        api!(files::take_of_backup).of(Scope::Write).of_groups(),
        api!(files::of_snapshot).of_groups(),
        api!(files::take_of_snapshot).of(Scope::Write).of_groups(),
        api!(parcels::list).of(Scope::Console).of_groups(),
        api!(parcels::upload).of(Scope::Console).once().of_groups(),
        api!(parcels::send).of(Scope::Console).once().of_groups(),
        api!(parcels::fetch).of(Scope::Console).once().of_groups(),
        api!(parcels::download).of(Scope::Console).of_groups(),
        api!(guests::undelete).of_groups(),
        api!(guests::purge).of_groups(),
        api!(guests::set_up).of_groups(),
        api!(guests::sysrq).of(Scope::Console).of_groups(),
        api!(guests::metrics).of_groups(),
        api!(guests::memory).of_groups(),
        api!(console::open).of(Scope::Console).of_groups(),
        api!(console::text).of(Scope::Console).of_groups(),
        api!(volumes::list).of_groups(),
        api!(volumes::fetch).of_groups(),
        api!(volumes::create).once().of_groups(),
        api!(volumes::change).of_groups(),
        api!(volumes::remove).of_groups(),
        api!(volumes::attach).of_groups(),
        api!(volumes::detach).of_groups(),
        api!(shares::list),
        api!(shares::put),
        api!(shares::give),
        api!(shares::remove),
        api!(operations::list).of_groups(),
        api!(operations::fetch).of_groups(),
        api!(operations::cancel).of_groups(),
        api!(announcements::fetch),
        api!(announcements::set).of(Scope::Manage),
        api!(announcements::clear).of(Scope::Manage),
        api!(webhooks::list),
        api!(webhooks::create).of(Scope::Manage).once_secret(),
        api!(webhooks::remove).of(Scope::Manage),
        api!(webhooks::test).of(Scope::Manage),
        api!(webhooks::redeliver).of(Scope::Manage),
        api!(audit::list),
        api!(audit::export),
        api!(people::list),
        api!(people::fetch),
        api!(people::create).of(Scope::Manage).once_secret(),
        api!(people::import).of(Scope::Manage).once_secret(),
        api!(people::change).of(Scope::Manage),
        api!(people::remove).of(Scope::Manage),
        api!(people::suspend).of(Scope::Manage),
        api!(people::reinstate).of(Scope::Manage),
        api!(people::approve).of(Scope::Manage),
        api!(people::refuse).of(Scope::Manage),
        api!(people::reset_password).of(Scope::Manage).once_secret(),
        api!(invitations::list),
        api!(invitations::create).of(Scope::Manage).once_secret(),
        api!(invitations::accept).signed_in_only(),
        api!(invitations::remove).of(Scope::Manage),
        api!(registrations::create).signed_in_only(),
        api!(registrations::settings),
        api!(registrations::set_settings).of(Scope::Manage),
        api!(groups::list),
        api!(groups::create).of(Scope::Manage).once(),
        api!(groups::fetch),
        api!(groups::quota).of_groups(),
        api!(groups::change).of(Scope::Manage),
        api!(groups::remove).of(Scope::Manage),
        api!(groups::member_put).of(Scope::Manage),
        api!(groups::member_remove).of(Scope::Manage),
        api!(people::reset_second_factor).of(Scope::Manage),
        api!(usage::fetch),
        api!(usage::export),
        api!(quotas::list),
        api!(quotas::mine),
        api!(quotas::set_role).of(Scope::Manage),
        api!(quotas::set_account).of(Scope::Manage),
        api!(quotas::set_groups).of(Scope::Manage),
        api!(quotas::set_group).of(Scope::Manage),
        api!(quotas::ask).once(),
        api!(quotas::decide).of(Scope::Manage),
        api!(host::fetch),
        api!(host::metrics),
        api!(host::storage),
        api!(host::leftover_remove).of(Scope::Manage),
        api!(host::leftover_snapshot_remove).of(Scope::Manage),
        api!(host::strays),
        api!(host::adopt_read).of(Scope::Manage),
        api!(host::adopt).of(Scope::Manage).once(),
        api!(guests::example).once().of_groups(),
        api!(networks::list).of_groups(),
        api!(networks::forward_add).once().of_groups(),
        api!(networks::forward_remove).of_groups(),
        api!(images::list).of_groups(),
        api!(images::fetch).of_groups(),
        api!(images::import).of(Scope::Manage).once(),
        api!(images::change).of(Scope::Manage),
        api!(images::remove).of(Scope::Manage),
        api!(kernels::list).of_groups(),
        api!(kernels::fetch).of_groups(),
        api!(kernels::settings).of_groups(),
        api!(kernels::add).of(Scope::Manage).once(),
        api!(kernels::set_settings).of(Scope::Manage),
        api!(kernels::change).of(Scope::Manage),
        api!(kernels::remove).of(Scope::Manage),
        api!(uploads::begin).of(Scope::Manage).once(),
        // Also for guests; what bytes become takes the scope of that.
        api!(uploads::put),
        api!(uploads::pieces_begin).once(),
        api!(uploads::pieces_so_far).of(Scope::Write),
        api!(uploads::piece_put),
        api!(uploads::remove),
    ]
}

pub fn router(panel: Panel) -> Router {
    let mut router = Router::new();
    for route in routes() {
        let to = match &route.described {
            Some(described) if !is_safe(&route.method) && !described.takes_condition() => {
                route.to.layer(from_fn(condition::refused))
            }
            _ => route.to,
        };
        let to = match route.keeps {
            Some(keeps) => to.layer(from_fn_with_state((panel.clone(), keeps), idempotency::once)),
            None => to,
        };
        // Outside of that, which asks who the caller is.
        let to = match route.scope {
            Some(scope) => to.layer(Extension(scope)),
            None => to,
        };
        let to = if route.of_groups { to.layer(Extension(OfGroups)) } else { to };
        router = router.route(&route.path, to);
    }
    router
        .fallback(pages::fallback)
        .method_not_allowed_fallback(pages::method_not_allowed)
        .layer(from_fn_with_state(panel.clone(), layers::bound))
        .layer(panel.cookies.layer(panel.accounts.session_store()))
        .layer(from_fn_with_state(panel.clone(), layers::guard))
        .layer(from_fn_with_state(panel.metrics.clone(), layers::observe))
        .with_state(panel)
}
