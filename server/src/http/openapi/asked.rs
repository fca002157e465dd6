//! What handlers of the API take: each extractor knows what it reads of a request.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use tower_sessions::Session;
use umbel_guest::quota::Kind;
use umbel_guest::{
    AccountId, BackupId, DeliveryId, GroupId, GuestId, ImageId, InvitationId, KernelId, KeyId, OperationId, StrayName,
    UploadId, VolumeId, WebhookId,
};
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{ContentBuilder, RefOr, Required};
use utoipa::{IntoParams, ToSchema};

use super::answer::{Answer, Schemas, named};
use crate::http::api::{Json, Path, Query};
use crate::http::caller::{CameFrom, Changing, Known, SignedIn};

/// Of a change that takes a condition.
pub const IF_MATCH: &str = "If-Match";

/// An extractor that says what it reads. Who asks is the router's to say.
#[diagnostic::on_unimplemented(message = "{Self} doesn't say what it reads of a request")]
pub trait Asked {
    /// `names` are the parts of the path that have one.
    fn says(_names: &[&str], _operation: &mut Operation, _schemas: &mut Schemas) {}
}

impl<S> Asked for State<S> {}
impl Asked for SignedIn {}
impl Asked for Changing {
    fn says(_: &[&str], operation: &mut Operation, _: &mut Schemas) {
        let words =
            "The `ETag` of the thing as it was read: changed meanwhile, it stays as it is, and the answer is 412.";
        let parameter = ParameterBuilder::new().name(IF_MATCH).parameter_in(ParameterIn::Header);
        let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(r#"^"[0-9a-f]+"$"#)).build();
        let parameter = parameter.required(Required::False).description(Some(words)).schema(Some(text));
        operation.parameters.get_or_insert_default().push(RefOr::T(parameter.build()));
    }
}

impl Asked for Known {}
impl Asked for CameFrom {}
impl Asked for Session {}
impl Asked for HeaderMap {}
/// As it is; the attribute says of what kind.
impl Asked for Body {}
/// A WebSocket, or why it is none.
impl<T, E> Asked for Result<T, E> {}
impl Asked for Infallible {}

impl<T: ToSchema> Asked for Json<T> {
    fn says(_: &[&str], operation: &mut Operation, schemas: &mut Schemas) {
        let content = ContentBuilder::new().schema(Some(named::<T>(schemas))).build();
        let body = RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True));
        operation.request_body = Some(RefOr::T(body.build()));
    }
}

impl<T: IntoParams> Asked for Query<T> {
    fn says(_: &[&str], operation: &mut Operation, _: &mut Schemas) {
        let parameters = T::into_params(|| Some(ParameterIn::Query)).into_iter().map(|mut parameter| {
            parameter.schema = parameter.schema.map(without_null);
            RefOr::T(parameter)
        });
        operation.parameters.get_or_insert_default().extend(parameters);
    }
}

/// In an address there is no null: what is an `Option` there is left out.
fn without_null(schema: RefOr<Schema>) -> RefOr<Schema> {
    let is_null = |schema: &RefOr<Schema>| matches!(schema, RefOr::T(Schema::Object(object)) if object.schema_type == SchemaType::Type(Type::Null));
    match schema {
        RefOr::T(Schema::OneOf(mut either)) => {
            either.items.retain(|item| !is_null(item));
            match either.items.len() {
                1 => either.items.remove(0),
                _ => Schema::OneOf(either).into(),
            }
        }
        RefOr::T(Schema::Object(mut object)) => {
            if let SchemaType::Array(types) = &mut object.schema_type {
                types.retain(|one| *one != Type::Null);
                if let [one] = types.as_slice() {
                    object.schema_type = SchemaType::Type(one.clone());
                }
            }
            Schema::Object(object).into()
        }
        other => other,
    }
}

impl<T: InPath> Asked for Path<T> {
    fn says(names: &[&str], operation: &mut Operation, schemas: &mut Schemas) {
        let parameters = names.iter().zip(T::parts(schemas)).map(|(name, schema)| {
            let parameter = ParameterBuilder::new().name(*name).parameter_in(ParameterIn::Path);
            RefOr::T(parameter.required(Required::True).schema(Some(schema)).build())
        });
        operation.parameters.get_or_insert_default().extend(parameters);
    }
}

/// What stands for the named parts of a path, in their order.
#[diagnostic::on_unimplemented(note = "a type that is alone in a path stands in the list in http::openapi::asked")]
pub trait InPath {
    fn parts(schemas: &mut Schemas) -> Vec<RefOr<Schema>>;
}

macro_rules! in_path {
    ($($type:ty)*) => { $(
        impl InPath for $type {
            fn parts(schemas: &mut Schemas) -> Vec<RefOr<Schema>> {
                vec![named::<$type>(schemas)]
            }
        }
    )* };
}

in_path!(
    BackupId VolumeId
    GuestId DeliveryId GroupId ImageId InvitationId AccountId OperationId KernelId KeyId UploadId WebhookId StrayName Kind String u16
);

impl<A: ToSchema, B: ToSchema> InPath for (A, B) {
    fn parts(schemas: &mut Schemas) -> Vec<RefOr<Schema>> {
        vec![named::<A>(schemas), named::<B>(schemas)]
    }
}

/// A handler, for what it takes and what it answers.
pub trait Described<Parameters> {
    fn says(
        names: &[&str],
        operation: &mut Operation,
        schemas: &mut Schemas,
    ) -> Option<(StatusCode, utoipa::openapi::Response)>;
}

macro_rules! described {
    ($($parameter:ident)*) => {
        impl<F, Answering, $($parameter: Asked,)*> Described<($($parameter,)*)> for F
        where
            F: Fn($($parameter),*) -> Answering,
            Answering: Future<Output: Answer>,
        {
            fn says(
                _names: &[&str],
                _operation: &mut Operation,
                schemas: &mut Schemas,
            ) -> Option<(StatusCode, utoipa::openapi::Response)> {
                $($parameter::says(_names, _operation, schemas);)*
                Answering::Output::says(schemas)
            }
        }
    };
}

described!();
described!(A);
described!(A B);
described!(A B C);
described!(A B C D);
described!(A B C D E);
described!(A B C D E G);
described!(A B C D E G H);
