//! Every route of the panel, in one list that the tests walk.

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodFilter, MethodRouter, on};
use umbel_app::paths;

use super::api::{audit, guests, host, kernels, networks, operations, people, session, uploads};
use super::{console, events, health, layers, pages, sign_in};
use crate::panel::Panel;

/// One address, asked in one way.
#[derive(Debug)]
pub struct Route {
    pub method: Method,
    /// As axum spells it: `{guest}` stands for one segment.
    pub path: String,
    to: MethodRouter<Panel>,
}

fn get<H: Handler<T, Panel>, T: 'static>(path: impl Into<String>, handler: H) -> Route {
    Route { method: Method::GET, path: path.into(), to: on(MethodFilter::GET, handler) }
}

fn post<H: Handler<T, Panel>, T: 'static>(path: impl Into<String>, handler: H) -> Route {
    Route { method: Method::POST, path: path.into(), to: on(MethodFilter::POST, handler) }
}

fn patch<H: Handler<T, Panel>, T: 'static>(path: impl Into<String>, handler: H) -> Route {
    Route { method: Method::PATCH, path: path.into(), to: on(MethodFilter::PATCH, handler) }
}

fn put<H: Handler<T, Panel>, T: 'static>(path: impl Into<String>, handler: H) -> Route {
    Route { method: Method::PUT, path: path.into(), to: on(MethodFilter::PUT, handler) }
}

fn delete<H: Handler<T, Panel>, T: 'static>(path: impl Into<String>, handler: H) -> Route {
    Route { method: Method::DELETE, path: path.into(), to: on(MethodFilter::DELETE, handler) }
}

/// All of them. What is not here is a file of the site, or nothing.
pub fn routes() -> Vec<Route> {
    let api = |path: &str| format!("{}{path}", paths::API);
    let mut routes = vec![
        get("/healthz", health::healthz),
        get("/readyz", health::readyz),
        // Plain pages, for people who aren't in yet.
        get(paths::SIGN_IN, sign_in::sign_in_shown),
        post(paths::SIGN_IN, sign_in::sign_in),
        post(paths::SIGN_OUT, sign_in::sign_out),
        get(paths::FIRST_RUN, sign_in::first_run_shown),
        post(paths::FIRST_RUN, sign_in::first_run),
        get(paths::NEW_PASSWORD, sign_in::new_password_shown),
        post(paths::NEW_PASSWORD, sign_in::new_password),
        // What has changed, told to every open tab.
        get(paths::EVENTS, events::open),
        // The API.
        get(api("/session"), session::fetch),
        post(api("/session"), session::create),
        delete(api("/session"), session::end),
        post(api("/session/password"), session::password),
        get(api("/guests"), guests::list),
        post(api("/guests"), guests::create),
        get(api("/guests/form"), guests::form),
        get(api("/guests/{guest}"), guests::fetch),
        patch(api("/guests/{guest}"), guests::change),
        delete(api("/guests/{guest}"), guests::delete),
        post(api("/guests/{guest}/{action}"), guests::act),
        post(api("/guests/{guest}/sysrq"), guests::sysrq),
        get(api("/guests/{guest}/metrics"), guests::metrics),
        get(api("/guests/{guest}/memory"), guests::memory),
        get(api("/guests/{guest}/console"), console::open),
        get(api("/guests/{guest}/console/log"), console::text),
        get(api("/operations"), operations::list),
        get(api("/operations/{operation}"), operations::fetch),
        post(api("/operations/{operation}/cancel"), operations::cancel),
        get(api("/audit"), audit::list),
        get(paths::AUDIT_EXPORT, audit::export),
        get(api("/people"), people::list),
        post(api("/people"), people::create),
        patch(api("/people/{account}"), people::change),
        post(api("/people/{account}/password"), people::reset_password),
        get(api("/host"), host::fetch),
        get(api("/host/metrics"), host::metrics),
        get(api("/strays"), host::strays),
        post(api("/strays/read"), host::adopt_read),
        post(api("/strays/{stray}/adopt"), host::adopt),
        post(api("/example"), guests::example),
        get(api("/networks"), networks::list),
        post(api("/networks/forwards"), networks::forward_add),
        delete(api("/networks/forwards/{port}"), networks::forward_remove),
        get(api("/kernels"), kernels::list),
        post(api("/kernels"), kernels::add),
        put(api("/settings/kernels"), kernels::set_settings),
        patch(api("/kernels/{kernel}"), kernels::change),
        delete(api("/kernels/{kernel}"), kernels::remove),
        post(api("/uploads"), uploads::begin),
        put(api("/uploads/{upload}/{file}"), uploads::put),
        delete(api("/uploads/{upload}"), uploads::remove),
    ];
    // Pages with their server functions, as umbel-app lists them.
    routes.extend(pages::paths().into_iter().map(|path| get(path, pages::page)));
    routes.extend(pages::server_fns().into_iter().map(|path| post(path, pages::server_fn)));
    routes
}

pub fn router(panel: Panel) -> Router {
    let mut router = Router::new();
    for route in routes() {
        router = router.route(&route.path, route.to);
    }
    router
        .fallback(pages::fallback)
        .method_not_allowed_fallback(pages::method_not_allowed)
        .layer(from_fn_with_state(panel.clone(), layers::bound))
        .layer(panel.cookies.layer(panel.accounts.session_store()))
        .layer(from_fn_with_state(panel.clone(), layers::guard))
        .layer(from_fn(layers::observe))
        .with_state(panel)
}
