//! Every route of the panel, in one list that the tests walk.

use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on};
use axum::{Extension, Router};
use umbel_app::paths;
use umbel_app::shown::Scope;

use super::api::{
    audit, guests, host, kernels, networks, operations, people, quotas, session, shares, tokens, uploads,
};
use super::error::is_under;
use super::origin::is_safe;
use super::{console, events, health, layers, metrics, pages, sign_in};
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
    to: MethodRouter<Panel>,
}

impl Route {
    fn new(method: Method, path: impl Into<String>, to: MethodRouter<Panel>) -> Self {
        let path = path.into();
        let usual = if is_safe(&method) { Scope::Read } else { Scope::Write };
        Self { scope: is_under(&path, paths::API).then_some(usual), method, path, to }
    }

    fn of(self, scope: Scope) -> Self {
        Self { scope: Some(scope), ..self }
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

fn patch<H: Handler<T, Panel>, T: 'static>(path: impl Into<String>, handler: H) -> Route {
    Route::new(Method::PATCH, path, on(MethodFilter::PATCH, handler))
}

fn put<H: Handler<T, Panel>, T: 'static>(path: impl Into<String>, handler: H) -> Route {
    Route::new(Method::PUT, path, on(MethodFilter::PUT, handler))
}

fn delete<H: Handler<T, Panel>, T: 'static>(path: impl Into<String>, handler: H) -> Route {
    Route::new(Method::DELETE, path, on(MethodFilter::DELETE, handler))
}

/// All of them. What is not here is a file of the site, or nothing.
pub fn routes() -> Vec<Route> {
    let api = |path: &str| format!("{}{path}", paths::API);
    let mut routes = vec![
        get("/healthz", health::healthz),
        get("/readyz", health::readyz),
        get(paths::METRICS, metrics::shown).of(Scope::Read),
        // Plain pages, for people who aren't in yet.
        get(paths::SIGN_IN, sign_in::sign_in_shown),
        post(paths::SIGN_IN, sign_in::sign_in),
        post(paths::SIGN_OUT, sign_in::sign_out),
        get(paths::FIRST_RUN, sign_in::first_run_shown),
        post(paths::FIRST_RUN, sign_in::first_run),
        get(paths::NEW_PASSWORD, sign_in::new_password_shown),
        post(paths::NEW_PASSWORD, sign_in::new_password),
        // What has changed, told to every open tab.
        get(paths::EVENTS, events::open).of(Scope::Read),
        // The API.
        get(api("/session"), session::fetch),
        post(api("/session"), session::create).signed_in_only(),
        delete(api("/session"), session::end).signed_in_only(),
        post(api("/session/password"), session::password).signed_in_only(),
        get(api("/tokens"), tokens::list).signed_in_only(),
        post(api("/tokens"), tokens::create).signed_in_only(),
        delete(api("/tokens/{token}"), tokens::remove).signed_in_only(),
        get(api("/guests"), guests::list),
        post(api("/guests"), guests::create),
        get(api("/guests/form"), guests::form),
        get(api("/guests/{guest}"), guests::fetch),
        patch(api("/guests/{guest}"), guests::change),
        delete(api("/guests/{guest}"), guests::delete),
        post(api("/guests/{guest}/sysrq"), guests::sysrq).of(Scope::Console),
        get(api("/guests/{guest}/metrics"), guests::metrics),
        get(api("/guests/{guest}/memory"), guests::memory),
        get(api("/guests/{guest}/console"), console::open).of(Scope::Console),
        get(api("/guests/{guest}/console/log"), console::text).of(Scope::Console),
        get(api("/guests/{guest}/shares"), shares::list),
        put(api("/guests/{guest}/shares"), shares::put),
        delete(api("/guests/{guest}/shares/{account}"), shares::remove),
        get(api("/operations"), operations::list),
        get(api("/operations/{operation}"), operations::fetch),
        post(api("/operations/{operation}/cancel"), operations::cancel),
        get(api("/audit"), audit::list),
        get(paths::AUDIT_EXPORT, audit::export),
        get(api("/people"), people::list),
        post(api("/people"), people::create).of(Scope::Manage),
        patch(api("/people/{account}"), people::change).of(Scope::Manage),
        post(api("/people/{account}/password"), people::reset_password).of(Scope::Manage),
        get(api("/quotas"), quotas::list),
        get(api("/quotas/mine"), quotas::mine),
        put(api("/quotas/roles/{role}/{kind}"), quotas::set_role).of(Scope::Manage),
        put(api("/quotas/accounts/{account}/{kind}"), quotas::set_account).of(Scope::Manage),
        post(api("/quotas/requests"), quotas::ask),
        post(api("/quotas/requests/{request}/{verb}"), quotas::decide).of(Scope::Manage),
        get(api("/host"), host::fetch),
        get(api("/host/metrics"), host::metrics),
        get(api("/strays"), host::strays),
        post(api("/strays/read"), host::adopt_read).of(Scope::Manage),
        post(api("/strays/{stray}/adopt"), host::adopt).of(Scope::Manage),
        post(api("/example"), guests::example),
        get(api("/networks"), networks::list),
        post(api("/networks/forwards"), networks::forward_add),
        delete(api("/networks/forwards/{port}"), networks::forward_remove),
        get(api("/kernels"), kernels::list),
        post(api("/kernels"), kernels::add).of(Scope::Manage),
        put(api("/settings/kernels"), kernels::set_settings).of(Scope::Manage),
        patch(api("/kernels/{kernel}"), kernels::change).of(Scope::Manage),
        delete(api("/kernels/{kernel}"), kernels::remove).of(Scope::Manage),
        post(api("/uploads"), uploads::begin).of(Scope::Manage),
        put(api("/uploads/{upload}/{file}"), uploads::put).of(Scope::Manage),
        delete(api("/uploads/{upload}"), uploads::remove).of(Scope::Manage),
    ];
    routes.extend(guests::ACTIONS.into_iter().map(|(word, action, scope)| {
        let act = move |panel, caller, guest| guests::act(panel, caller, guest, action);
        post(api(&format!("/guests/{{guest}}/{word}")), act).of(scope)
    }));
    // Pages with their server functions, as umbel-app lists them.
    routes.extend(pages::paths().into_iter().map(|path| get(path, pages::page)));
    routes.extend(pages::server_fns().into_iter().map(|path| post(path, pages::server_fn)));
    routes
}

pub fn router(panel: Panel) -> Router {
    let mut router = Router::new();
    for route in routes() {
        let to = match route.scope {
            Some(scope) => route.to.layer(Extension(scope)),
            None => route.to,
        };
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
