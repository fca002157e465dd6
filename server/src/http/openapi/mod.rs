//! The API's description (OpenAPI 3.1), out of the routes: method, path and words come from the attribute
//! `utoipa::path` at each handler, parameters and bodies from what it takes ([`asked`]), statuses from what it
//! answers ([`answer`]), scopes from the router's list, and refusals from what the edge may refuse in a request
//! of that shape (`problems`). [`page`] shows it to people.

pub mod answer;
pub mod asked;
pub mod page;
mod problems;

use std::fmt;
use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method};
use axum::response::{IntoResponse as _, Response};
use umbel_app::paths;
use umbel_app::shown::Scope;
use utoipa::openapi::path::{HttpMethod, Operation, Parameter, ParameterBuilder, ParameterIn, PathItem, Paths};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder, RefOr, Required, ServerBuilder};

use self::answer::{Schemas, named};
use super::cookies::Cookies;
use super::error::ProblemDetails;
use super::idempotency::{self, Keeps};
use super::router::own;

/// Names of the two ways to come in.
const SESSION: &str = "session";
const TOKEN: &str = "token";

/// What a route says of itself.
#[derive(Clone)]
pub struct Described {
    operation: Operation,
    schemas: Schemas,
}

impl fmt::Debug for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Described").field("operation", &self.operation.operation_id).finish_non_exhaustive()
    }
}

impl Described {
    /// Method and path of the one operation that a handler's attribute has made, and what else it says.
    pub fn read<H: asked::Described<P>, P>(
        (noun, verb): (&str, &str),
        (mut schemas, paths): (Schemas, Paths),
        _handler: &H,
    ) -> (Method, String, Self) {
        let (path, item) = paths.paths.into_iter().next().expect("the attribute names a path");
        let (method, mut operation) = only(item);
        let names: Vec<&str> = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        if let Some((status, response)) = H::says(&names, &mut operation, &mut schemas) {
            operation.responses.responses.insert(status.as_str().to_owned(), RefOr::T(response));
        }
        operation.tags = Some(vec![noun.to_owned()]);
        operation.operation_id = Some(format!("{noun}_{verb}"));
        (method, format!("{}{path}", paths::API), Self { operation, schemas })
    }

    /// Whether it may be asked under a condition.
    pub fn takes_condition(&self) -> bool {
        takes_condition(&self.operation)
    }

    /// Whether nobody need be signed in: the attribute says `security(())`.
    pub fn is_open(&self) -> bool {
        self.operation.security.is_some()
    }
}

fn takes_condition(operation: &Operation) -> bool {
    let mut parameters = operation.parameters.iter().flatten();
    parameters.any(|parameter| matches!(parameter, RefOr::T(parameter) if parameter.name == asked::IF_MATCH))
}

/// The operation of a path that has one, with its method.
fn only(item: PathItem) -> (Method, Operation) {
    let PathItem { get, head, put, post, delete, patch, .. } = item;
    let all = [
        (Method::GET, get),
        (Method::HEAD, head),
        (Method::PUT, put),
        (Method::POST, post),
        (Method::DELETE, delete),
        (Method::PATCH, patch),
    ];
    let mut found = all.into_iter().filter_map(|(method, operation)| Some((method, operation?)));
    found.next().expect("the attribute names get, head, put, post, delete or patch")
}

/// All of it, as it is served.
pub fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let text = document().to_pretty_json().expect("texts and numbers");
        // Rust's links lead nowhere outside of Rust.
        text.replace("[`", "`").replace("`]", "`")
    });
    &TEXT
}

/// This document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    security(()),
    responses((status = 200, description = "OpenAPI 3.1.", content_type = "application/json", body = Object)),
)]
pub async fn fetch() -> Response {
    let mut response = text().into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

pub fn document() -> OpenApi {
    let mut schemas = Schemas::new();
    let problem = named::<ProblemDetails>(&mut schemas);
    let mut paths = Paths::new();
    for route in own() {
        let Some(mut described) = route.described else { continue };
        if !described.is_open() {
            described.operation.security = Some(ways_in(route.scope));
        }
        problems::add(&mut described.operation, &route.method);
        if let Some(keeps) = route.keeps {
            described.operation.parameters.get_or_insert_default().push(RefOr::T(idempotency_key(keeps)));
        }
        schemas.append(&mut described.schemas);
        paths.add_path_operation(route.path, vec![spelled(&route.method)], described.operation);
    }
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .responses_from_iter(problems::all(&problem))
        .security_scheme(SESSION, SecurityScheme::ApiKey(ApiKey::Cookie(session())))
        .security_scheme(TOKEN, SecurityScheme::Http(token()));
    let info = InfoBuilder::new().title("Umbel").version(env!("CARGO_PKG_VERSION")).description(Some(
        "Guests of a machine, and all that the panel's pages do with them. Times are µs since the epoch, UTC. \
             Errors are problem details (RFC 9457); where fields are wrong, `errors` names every one of them.",
    ));
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([ServerBuilder::new().url("/").description(Some("This panel")).build()]))
        .paths(paths)
        .components(Some(components.build()))
        .build()
}

fn idempotency_key(keeps: Keeps) -> Parameter {
    let answer = match keeps {
        Keeps::All => {
            "Asked again under the same key within a day, it gets the same answer and is not carried out again."
        }
        Keeps::Status => "Asked again under the same key within a day, it is not carried out again: 409.",
    };
    let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[!#-~]+$"));
    let text = text.min_length(Some(1)).max_length(Some(idempotency::LONGEST)).build();
    let parameter = ParameterBuilder::new().name("Idempotency-Key").parameter_in(ParameterIn::Header);
    parameter.required(Required::False).description(Some(answer)).schema(Some(text)).build()
}

fn spelled(method: &Method) -> HttpMethod {
    match *method {
        Method::HEAD => HttpMethod::Head,
        Method::PUT => HttpMethod::Put,
        Method::POST => HttpMethod::Post,
        Method::DELETE => HttpMethod::Delete,
        Method::PATCH => HttpMethod::Patch,
        _ => HttpMethod::Get,
    }
}

/// A sign-in, or a token that is good for it. A scope is a role's word to OpenAPI 3.1.
fn ways_in(scope: Option<Scope>) -> Vec<SecurityRequirement> {
    let session = SecurityRequirement::new(SESSION, Vec::<String>::new());
    let token = scope.map(|scope| SecurityRequirement::new(TOKEN, [scope.word()]));
    [Some(session), token].into_iter().flatten().collect()
}

fn session() -> ApiKeyValue {
    ApiKeyValue::with_description(
        Cookies::Plain.name(),
        "The cookie of a sign-in: POST /api/v1/session sets it. Over https its name begins with `__Host-`.",
    )
}

fn token() -> utoipa::openapi::security::Http {
    let scopes: Vec<String> =
        Scope::ALL.iter().map(|scope| format!("`{}`: {}", scope.word(), scope.explained())).collect();
    let description = format!(
        "A token of one's account page. It is good for its scopes and nothing else.\n\n{}",
        scopes.join("\n\n")
    );
    HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(description)).build()
}
