//! What types that check what they are made of say of it in the API's description.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::id::{ImageId, InstanceId, KernelId};
use crate::name::{AccountName, GroupName, GuestName, Note};
use crate::network::HostNumber;
use crate::rights::{GuestRight, Shares};
use crate::size::{DISK_LADDER_MIB, DiskSize, MEMORY_MIB, Memory};
use crate::stray::StrayName;

macro_rules! described {
    ($($type:ty = $schema:expr;)+) => { $(
        impl PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                Schema::from($schema).into()
            }
        }

        impl ToSchema for $type {}
    )+ };
}

fn text(about: &str, pattern: &str, most: usize, example: &str) -> utoipa::openapi::schema::Object {
    let object = ObjectBuilder::new().schema_type(Type::String).description(Some(about)).pattern(Some(pattern));
    object.max_length(Some(most)).examples([example]).build()
}

fn slug(about: &str, example: &str) -> utoipa::openapi::schema::Object {
    text(about, r"^[a-z0-9](\.?[a-z0-9-])*\.?$", 64, example)
}

fn number(about: &str, least: u32, most: u32) -> ObjectBuilder {
    let object = ObjectBuilder::new().schema_type(Type::Integer).description(Some(about));
    object.minimum(Some(least)).maximum(Some(most))
}

described! {
    ImageId = slug("One version of an image.", "tiny-1");
    KernelId = slug("One kernel.", "debian-6.1.176");
    InstanceId = slug("One panel on one machine.", "3f9a1c");
    GuestName = text(
        "A DNS label, since it becomes the guest's host name.", "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", 63, "web-1",
    );
    AccountName = text("A sign-in name of 2 characters at least.", r"^[a-z][a-z0-9_.-]+$", 32, "ada");
    GroupName = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("What a group is called, without control characters or blanks at either end."))
        .max_length(Some(64))
        .examples(["Networks 2026"])
        .build();
    Note = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("A free line or two, without control characters but line feeds."))
        .max_length(Some(500))
        .build();
    StrayName = text("Name of a file in the directory for adoption.", r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*$", 100, "root_fs");
    HostNumber = number("The last byte of a guest's address.", 2, 254).build();
    Memory = number("Memory of a guest in MiB.", *MEMORY_MIB.start(), *MEMORY_MIB.end()).build();
    DiskSize = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .description(Some("Size of a disk in MiB."))
        .enum_values(Some(DISK_LADDER_MIB))
        .build();
    Shares = ArrayBuilder::new().items(GuestRight::schema()).unique_items(true).build();
}
