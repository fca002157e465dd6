//! An image that somebody puts in, or makes of what a guest has.

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{ImageDraft, OperationKind};
use umbel_guest::{
    AccountName, FieldError, FieldErrors, GuestId, ImageId, ImageOrigin, Logins, Memory, Note, OperationId, PanelRight,
    SnapshotId, UploadId,
};
use umbel_wire::agent::ImageSaid;

use super::{Images, build, fetch, registry};
use crate::guests::{from_host, requester};
use crate::http::address::Network;
use crate::operations::{About, FetchParams, ImageParams, Params, PublishParams};
use crate::store::operations::operation_is_about;

/// Characters of a title.
const MOST_TITLE: usize = 64;

impl Images {
    /// As an operation; name and version must be free, since taking it back removes the image of that name.
    pub async fn import(&self, caller: &Caller, draft: ImageDraft) -> Result<OperationId, AppError> {
        caller.may(PanelRight::ManageImages)?;
        let parts = self.parts();
        let sent = draft.upload.parse::<UploadId>().ok().filter(|upload| self.uploads.is_there(caller, *upload));
        let visibility = draft.visibility;
        let draft = of_recipe(draft, &parts.fetch_networks).map_err(AppError::Invalid)?;
        let (file, id, said, note) = checked(draft, sent, &parts.fetch_networks).map_err(AppError::Invalid)?;
        let taken = || AppError::Invalid(FieldErrors::one("version", format!("There is an image {id} already.")));
        if parts.link.host.images().await.map_err(from_host)?.iter().any(|image| image.id == id) {
            return Err(taken());
        }
        let publish = match &file {
            File::Guests(guest, snapshot, logins) => {
                Some(PublishParams { of: self.guests.disk_of(caller, *guest, *snapshot).await?, logins: *logins })
            }
            File::Sent(..) | File::Fetched(_) | File::Built(_) => None,
        };
        let mut tx = parts.db.begin().await?;
        // One that comes between that and this is found by one of its steps.
        if operation_is_about(&mut tx, OperationKind::ImageImport, id.as_str()).await? {
            return Err(taken());
        }
        let about = About { guest: None, name: id.to_string(), owner: caller.account.id };
        let mut params = Params {
            image: Some(ImageParams { id, said, visibility }),
            publish,
            note: note.into(),
            ..Params::default()
        };
        match file {
            File::Sent(upload, sha256) => (params.upload, params.sha256) = (Some(upload), sha256),
            // A place for it; what comes into none goes after a day.
            File::Fetched(from) => {
                (params.upload, params.fetch) = (Some(self.uploads.begin(caller).await?), Some(from))
            }
            File::Built(recipe) => {
                (params.upload, params.recipe) = (Some(self.uploads.begin(caller).await?), Some(recipe));
            }
            File::Guests(..) => {}
        }
        let (operations, kind) = (&self.guests.operations, OperationKind::ImageImport);
        let operation = operations.insert_about(&mut tx, kind, about, &requester(caller), &params).await?;
        tx.commit().await?;
        parts.operation_changed(operation, None);
        operations.spawn(operation);
        Ok(operation)
    }
}

/// Where an image's file comes from.
#[derive(Debug)]
enum File {
    /// With the sum that it must have.
    Sent(UploadId, Option<String>),
    Fetched(FetchParams),
    Built(String),
    /// It has none: it is made of what is on a guest's disk.
    Guests(GuestId, SnapshotId, Logins),
}

impl File {
    /// How it comes, and the address; what may open that, behind a `?`, is nobody's business.
    fn origin(&self) -> (ImageOrigin, String) {
        match self {
            Self::Sent(..) => (ImageOrigin::Imported, String::new()),
            Self::Fetched(FetchParams { url, .. }) => {
                let address = url.split(['?', '#']).next().unwrap_or_default();
                (ImageOrigin::Fetched, address.to_owned())
            }
            Self::Built(_) => (ImageOrigin::Recipe, String::new()),
            Self::Guests(..) => (ImageOrigin::Published, String::new()),
        }
    }
}

/// What a draft doesn't say of what is built, its recipe does.
fn of_recipe(draft: ImageDraft, permitted: &[Network]) -> Result<ImageDraft, FieldErrors> {
    if draft.recipe.trim().is_empty() {
        return Ok(draft);
    }
    let recipe = build::checked(&draft.recipe, permitted)?;
    let or = |said: String, its: Option<String>| if said.trim().is_empty() { its.unwrap_or_default() } else { said };
    Ok(ImageDraft {
        name: or(draft.name, Some(recipe.name)),
        version: or(draft.version, Some(recipe.version)),
        title: or(draft.title, recipe.title),
        description: or(draft.description, recipe.description),
        memory_mib: draft.memory_mib.or(recipe.memory_mib),
        tested_with: or(draft.tested_with, recipe.tested_with),
        ..draft
    })
}

fn file(draft: &ImageDraft, sent: Option<UploadId>, permitted: &[Network]) -> Result<File, FieldErrors> {
    if !draft.recipe.trim().is_empty() {
        let alone = draft.url.trim().is_empty() && draft.upload.is_empty() && draft.guest.is_none();
        let both = "Either it is built of a recipe, or a file is sent or fetched, or a guest's snapshot is taken.";
        return alone.then(|| File::Built(draft.recipe.clone())).ok_or_else(|| FieldErrors::one("recipe", both));
    }
    match (draft.guest, draft.snapshot) {
        (None, None) => {}
        (Some(_), Some(_)) if !(draft.url.trim().is_empty() && draft.upload.is_empty()) => {
            return Err(FieldErrors::one("guest", "Either a file is sent or fetched, or a guest's snapshot is taken."));
        }
        (Some(guest), Some(snapshot)) => return Ok(File::Guests(guest, snapshot, draft.logins)),
        (Some(_), None) => return Err(FieldErrors::one("snapshot", "Say which of the guest's snapshots is taken.")),
        (None, Some(_)) => return Err(FieldErrors::one("guest", "Say whose snapshot it is.")),
    }
    let mut wrong = FieldErrors::default();
    let sha256 = wrong.take(sum(&draft.sha256)).flatten();
    if draft.url.trim().is_empty() {
        if sent.is_none() {
            wrong.0.push(FieldError::new("upload", "Choose a file first, or say where it is to be fetched from."));
        }
        return sent.filter(|_| wrong.is_empty()).map(|upload| File::Sent(upload, sha256)).ok_or(wrong);
    }
    if sha256.is_some() && registry::is_one(&draft.url) {
        wrong.0.push(registry::pinned());
    }
    if !draft.upload.is_empty() {
        wrong.0.push(FieldError::new("url", "Either a file is sent or one is fetched."));
    }
    wrong.take(fetch::check(&draft.url, permitted).map_err(|why| FieldError::new("url", why)));
    let asked = FetchParams { url: draft.url.trim().to_owned(), sha256 };
    if wrong.is_empty() { Ok(File::Fetched(asked)) } else { Err(wrong) }
}

/// In lower case, if one is said.
fn sum(text: &str) -> Result<Option<String>, FieldError> {
    let sum = text.trim().to_ascii_lowercase();
    if !sum.is_empty() && (sum.len() != 64 || !sum.bytes().all(|b| b.is_ascii_hexdigit())) {
        return Err(FieldError::new("sha256", "A SHA-256 has 64 hexadecimal digits."));
    }
    Ok(Some(sum).filter(|sum| !sum.is_empty()))
}

/// What the draft asks for; every wrong field is named at once.
fn checked(
    draft: ImageDraft,
    sent: Option<UploadId>,
    permitted: &[Network],
) -> Result<(File, ImageId, ImageSaid, Note), FieldErrors> {
    let mut wrong = FieldErrors::default();
    let file = wrong.take_all(file(&draft, sent, permitted));
    let id = wrong.take_all(id(draft.name.trim(), draft.version.trim()));
    let title = wrong.take(title(draft.title.trim(), draft.name.trim()));
    let description =
        wrong.take(draft.description.parse::<Note>().map_err(|e| FieldError::new("description", e.message)));
    let user = "Whoever signs in to it: a name of a–z, 0–9, -, _ and the dot.";
    let user = match draft.default_user.trim() {
        "" => Some("root".to_owned()),
        name => wrong.take(
            name.parse::<AccountName>().map(|name| name.to_string()).map_err(|_| FieldError::new("default_user", user)),
        ),
    };
    let tested_with =
        wrong.take(draft.tested_with.parse::<Note>().map_err(|e| FieldError::new("tested_with", e.message)));
    let memory = wrong.take(Memory::from_mib(draft.memory_mib.unwrap_or(Memory::DEFAULT.mib())));
    let note = wrong.take(draft.note.parse::<Note>());
    let (Some(file), Some(id), Some(title), Some(description), Some(default_user)) =
        (file, id, title, description, user)
    else {
        return Err(wrong);
    };
    let (Some(suggested_memory), Some(tested_with), Some(note)) = (memory, tested_with, note) else {
        return Err(wrong);
    };
    let (origin, came_from) = file.origin();
    let said = ImageSaid {
        title,
        description: description.into(),
        default_user,
        suggested_memory,
        origin,
        came_from,
        tested_with: tested_with.into(),
    };
    Ok((file, id, said, note))
}

/// Name and version must come out of the id as they went in.
fn id(name: &str, version: &str) -> Result<ImageId, FieldErrors> {
    let mut wrong = FieldErrors::default();
    let id = format!("{name}-{version}").parse::<ImageId>().ok();
    if name.parse::<ImageId>().is_err() {
        wrong.0.push(FieldError::new("name", "A name is made of a–z, 0–9, - and ., for example debian."));
    } else if id.as_ref().is_none_or(|id| id.parts() != (name, Some(version))) {
        let message = "A version begins with a digit and goes on with a–z, 0–9 and ., for example 13.2; with the name and \
                       a - between them it has at most 64 characters.";
        wrong.0.push(FieldError::new("version", message));
    }
    id.filter(|_| wrong.is_empty()).ok_or(wrong)
}

fn title(title: &str, name: &str) -> Result<String, FieldError> {
    let title = if title.is_empty() { name } else { title };
    if title.chars().count() > MOST_TITLE || title.chars().any(char::is_control) {
        return Err(FieldError::new("title", format!("A title has at most {MOST_TITLE} characters.")));
    }
    Ok(title.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_and_version_come_back_out_of_the_id() {
        assert_eq!(id("debian", "13.2").expect("fine").as_str(), "debian-13.2");
        assert_eq!(id("debian-13", "2026.11").expect("fine").as_str(), "debian-13-2026.11");
        for (name, version, field) in [
            ("", "1", "name"),
            ("../x", "1", "name"),
            ("Debian", "1", "name"),
            ("debian", "", "version"),
            ("debian", "trixie", "version"),
            ("debian", "1-2", "version"),
            ("debian", "1/2", "version"),
            ("debian", &"1".repeat(64), "version"),
        ] {
            let wrong = id(name, version).expect_err("no id");
            assert_eq!(wrong.0[0].field, field, "{name:?} {version:?}");
        }
    }

    #[test]
    fn every_wrong_field_of_a_draft_is_named_at_once() {
        let draft = ImageDraft {
            title: "\u{7}".into(),
            description: "a".repeat(5000),
            default_user: "a b".into(),
            memory_mib: Some(1),
            tested_with: "a".repeat(5000),
            note: "a".repeat(5000),
            ..ImageDraft::default()
        };
        let wrong = checked(draft, None, &[]).expect_err("all is wrong");
        let fields: Vec<&str> = wrong.0.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(
            fields,
            ["upload", "name", "title", "description", "default_user", "tested_with", "memory_mib", "note"]
        );
    }
}
