//! Which refusals a request can meet, by its shape: the same statuses that [`AppError`](umbel_app::AppError) and
//! the layers around every route answer.

use axum::http::Method;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{ContentBuilder, HeaderBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::openapi::{ObjectBuilder, schema::Type};

use super::takes_condition;
use crate::http::origin::is_safe;

/// Status, name, what it means.
const PROBLEMS: [(u16, &str, &str); 11] = [
    (401, "NotSignedIn", "Nobody is signed in, or the token is not known any more."),
    (
        403,
        "Forbidden",
        "It isn't the caller's to do, or it takes a fresher proof of who that is, or the token lacks the scope, or a page of another site asks.",
    ),
    (404, "NotFound", "There is no such thing, or the caller may not know of it."),
    (408, "TooSlow", "The body took too long to come."),
    (409, "Conflict", "It can't be done in the state that things are in."),
    (412, "Changed", "It has been changed since it was read."),
    (413, "TooLarge", "The body is too large."),
    (422, "Invalid", "Something that was sent is wrong; `errors` names every field."),
    (429, "TooMany", "Too many tries; `Retry-After` says when to try again."),
    (500, "Internal", "Something went wrong in the panel; its log has the cause."),
    (503, "Unavailable", "The agent or the database is away, or too much is asked at once; it may be tried again."),
];

/// For the document's components.
pub(super) fn all(problem: &RefOr<Schema>) -> impl Iterator<Item = (&'static str, Response)> {
    PROBLEMS.into_iter().map(|(status, name, description)| {
        let content = ContentBuilder::new().schema(Some(problem.clone())).build();
        let mut response = ResponseBuilder::new().description(description).content("application/problem+json", content);
        if matches!(status, 429 | 503) {
            let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).build();
            let header = HeaderBuilder::new().schema(Some(seconds)).description(Some("Seconds."));
            response = response.header("Retry-After", header.build());
        }
        (name, response.build())
    })
}

/// Puts them among what an operation answers.
pub(super) fn add(operation: &mut Operation, method: &Method) {
    let is_open = operation.security.as_ref().is_some_and(|ways| ways.iter().all(|way| *way == Default::default()));
    let changes = !is_safe(method);
    let has = |place: ParameterIn| {
        let mut parameters = operation.parameters.iter().flatten();
        parameters.any(|parameter| matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == place))
    };
    let (in_path, in_query) = (has(ParameterIn::Path), has(ParameterIn::Query));
    for (status, name, _) in PROBLEMS {
        let may_be = match status {
            401 => !is_open || changes,
            404 => in_path || in_query || changes,
            408 | 413 | 429 => changes,
            // What is asked of a thing may not be there to be had in its state, as the memory of a guest that is off.
            409 => changes || in_path,
            412 => takes_condition(operation),
            422 => changes || in_query,
            _ => true,
        };
        if may_be {
            let reference = RefOr::Ref(Ref::from_response_name(name));
            operation.responses.responses.entry(status.to_string()).or_insert(reference);
        }
    }
}
