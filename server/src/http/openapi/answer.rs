//! What handlers of the API answer: each type knows its status and its body, so that the document can't
//! say anything else.

use axum::Json;
use axum::http::header::ETAG;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayBuilder, Schema, Type};
use utoipa::openapi::{ContentBuilder, HeaderBuilder, ObjectBuilder, Ref, RefOr, ResponseBuilder};

use crate::etag::Tagged;
use crate::http::error::Problem;

/// Schemas by name, as utoipa collects them.
pub type Schemas = Vec<(String, RefOr<Schema>)>;

/// 201: it is there.
#[derive(Debug)]
pub struct Made<T>(pub T);

/// 202: it will be done.
#[derive(Debug)]
pub struct Accepted<T>(pub T);

/// 202 without a word.
#[derive(Clone, Copy, Debug)]
pub struct WillBe;

/// 204: done, and nothing to say.
#[derive(Clone, Copy, Debug)]
pub struct Done;

/// 200, with the tag by which a change says what it has seen.
#[derive(Debug)]
pub struct WithEtag<T>(pub T);

/// 200: a list of named things.
#[derive(Debug)]
pub struct List<T>(pub Vec<T>);

impl<T: Serialize> IntoResponse for Made<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(self.0)).into_response()
    }
}

impl<T: Serialize> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(self.0)).into_response()
    }
}

impl<T: Serialize + Tagged> IntoResponse for WithEtag<T> {
    fn into_response(self) -> Response {
        let tag = HeaderValue::from_str(&format!("\"{}\"", self.0.etag().0));
        let mut response = Json(self.0).into_response();
        if let Ok(tag) = tag {
            response.headers_mut().insert(ETAG, tag);
        }
        response
    }
}

impl IntoResponse for WillBe {
    fn into_response(self) -> Response {
        StatusCode::ACCEPTED.into_response()
    }
}

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl<T: Serialize> IntoResponse for List<T> {
    fn into_response(self) -> Response {
        Json(self.0).into_response()
    }
}

/// An answer that says what it is.
#[diagnostic::on_unimplemented(
    message = "{Self} doesn't say its status",
    note = "a handler of the API answers axum::Json, or one of the types of http::openapi::answer"
)]
pub trait Answer {
    /// Status and description; `None` leaves it to the attribute of the handler.
    fn says(schemas: &mut Schemas) -> Option<(StatusCode, utoipa::openapi::Response)>;
}

impl<T: Answer> Answer for Result<T, Problem> {
    fn says(schemas: &mut Schemas) -> Option<(StatusCode, utoipa::openapi::Response)> {
        T::says(schemas)
    }
}

impl Answer for Response {
    fn says(_: &mut Schemas) -> Option<(StatusCode, utoipa::openapi::Response)> {
        None
    }
}

impl<T: ToSchema> Answer for Json<T> {
    fn says(schemas: &mut Schemas) -> Option<(StatusCode, utoipa::openapi::Response)> {
        Some((StatusCode::OK, with_body("As it is.", named::<T>(schemas))))
    }
}

impl<T: ToSchema> Answer for WithEtag<T> {
    fn says(schemas: &mut Schemas) -> Option<(StatusCode, utoipa::openapi::Response)> {
        let mut response = with_body("As it is.", named::<T>(schemas));
        let text = ObjectBuilder::new().schema_type(Type::String);
        let header = HeaderBuilder::new().schema(Some(text)).description(Some("For `If-Match`."));
        response.headers.insert("ETag".to_owned(), header.build().into());
        Some((StatusCode::OK, response))
    }
}

impl<T: ToSchema> Answer for List<T> {
    fn says(schemas: &mut Schemas) -> Option<(StatusCode, utoipa::openapi::Response)> {
        let items = ArrayBuilder::new().items(named::<T>(schemas));
        Some((StatusCode::OK, with_body("All that the caller may see.", items)))
    }
}

impl<T: ToSchema> Answer for Made<T> {
    fn says(schemas: &mut Schemas) -> Option<(StatusCode, utoipa::openapi::Response)> {
        Some((StatusCode::CREATED, with_body("It is there.", named::<T>(schemas))))
    }
}

impl<T: ToSchema> Answer for Accepted<T> {
    fn says(schemas: &mut Schemas) -> Option<(StatusCode, utoipa::openapi::Response)> {
        Some((StatusCode::ACCEPTED, with_body("It will be done.", named::<T>(schemas))))
    }
}

impl Answer for WillBe {
    fn says(_: &mut Schemas) -> Option<(StatusCode, utoipa::openapi::Response)> {
        Some((StatusCode::ACCEPTED, ResponseBuilder::new().description("It will be done.").build()))
    }
}

impl Answer for Done {
    fn says(_: &mut Schemas) -> Option<(StatusCode, utoipa::openapi::Response)> {
        Some((StatusCode::NO_CONTENT, ResponseBuilder::new().description("Done.").build()))
    }
}

/// A reference to the schema of a type, which is put among the others with all that it refers to. Lists,
/// texts and numbers have no name of their own.
pub fn named<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    T::schemas(schemas);
    match T::schema() {
        list @ RefOr::T(Schema::Array(_)) => list,
        schema if T::name() == "String" || T::name().starts_with(|c: char| c.is_ascii_lowercase()) => schema,
        schema => {
            let name = T::name().into_owned();
            schemas.push((name.clone(), schema));
            Ref::from_schema_name(name).into()
        }
    }
}

pub fn with_body(description: &str, schema: impl Into<RefOr<Schema>>) -> utoipa::openapi::Response {
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new().description(description).content("application/json", content).build()
}
