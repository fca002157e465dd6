//! What the host has, what was said about it, how many use it.

use std::collections::HashMap;

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{ImageChange, ImageFilter, ImagePage, ImageShown, Topic};
use umbel_guest::{FieldError, FieldErrors, ImageId, Note, PanelRight, Visibility};
use umbel_wire::agent::ImageFacts;

use super::{Images, images_seen};
use crate::etag::etag_of;
use crate::guests::from_host;
use crate::pages::{self, PAGE_MOST};
use crate::store::groups::{Group, group_fetch, group_list};
use crate::store::images::{Image, ImageState, image_delete, image_fetch, image_put, image_used, image_used_list};

impl Images {
    /// The agent tells all that there are, however few are shown. Its `next` is where the images after these begin.
    pub async fn list(&self, caller: &Caller, filter: ImageFilter) -> Result<ImagePage, AppError> {
        let Sought { after, limit, text } = Sought::read(filter).map_err(AppError::Invalid)?;
        let (mut facts, known) = self.known(caller).await?;
        facts.retain(|facts| after.as_ref().is_none_or(|after| facts.id > *after) && is_about(facts, &text));
        facts.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        let (facts, next) = pages::cut(facts, limit, |last| last.id.to_string());
        Ok(ImagePage { rows: facts.into_iter().map(|facts| known.shown(facts)).collect(), next })
    }

    pub async fn fetch(&self, caller: &Caller, id: &ImageId) -> Result<ImageShown, AppError> {
        let (facts, known) = self.known(caller).await?;
        let facts = facts.into_iter().find(|facts| facts.id == *id);
        facts.map(|facts| known.shown(facts)).ok_or_else(|| AppError::not_found("image"))
    }

    /// What the caller sees, with all that is shown of it.
    async fn known(&self, caller: &Caller) -> Result<(Vec<ImageFacts>, Known), AppError> {
        let parts = self.parts();
        let (all, said) = images_seen(parts, caller).await?;
        let groups = group_list(&parts.db).await?;
        let ids = all.iter().map(|facts| facts.id.clone()).collect();
        let used = match caller.may(PanelRight::ManageImages) {
            Ok(()) => Some(image_used_list(&parts.db, parts.host).await?),
            Err(_) => None,
        };
        Ok((all, Known { ids, said, groups, used }))
    }

    pub async fn change(&self, caller: &Caller, id: ImageId, change: ImageChange) -> Result<(), AppError> {
        caller.may(PanelRight::ManageImages)?;
        if change == ImageChange::default() {
            let message = "Nothing is to be changed. Say note, deprecated, visibility, or several of them.";
            return Err(AppError::Invalid(FieldErrors::one("body", message)));
        }
        let note = change.note.map(|note| note.parse::<Note>()).transpose();
        let note = note.map_err(|error| AppError::Invalid(error.into()))?;
        let (all, _) = images_seen(self.parts(), caller).await?;
        if all.iter().all(|image| image.id != id) {
            return Err(AppError::not_found("image"));
        }
        let mut tx = self.parts().db.begin().await?;
        if let Some(Visibility::Group(group)) = change.visibility
            && group_fetch(&mut tx, group).await?.is_none()
        {
            return Err(AppError::Invalid(FieldErrors::one("visibility", "There is no such group.")));
        }
        let said = image_fetch(&mut tx, self.parts().host, &id).await?;
        let mut said = said.unwrap_or_else(|| Image::new(id));
        if said.state == ImageState::Going {
            return Err(AppError::not_found("image"));
        }
        caller.expected(&etag_of(&(&said.note, said.state == ImageState::Deprecated, said.visibility)))?;
        said.note = note.map_or(said.note, Note::into);
        said.state = match change.deprecated {
            Some(true) => ImageState::Deprecated,
            Some(false) => ImageState::Offered,
            None => said.state,
        };
        said.visibility = change.visibility.unwrap_or(said.visibility);
        image_put(&mut tx, self.parts().host, &said).await?;
        tx.commit().await?;
        self.parts().events.publish(Topic::Host);
        Ok(())
    }

    /// Refused while any guest has it, running or not, deleted and not yet purged ones included. From the look at that on no
    /// guest is made of it.
    pub async fn remove(&self, caller: &Caller, id: ImageId) -> Result<(), AppError> {
        caller.may(PanelRight::ManageImages)?;
        let parts = self.parts();
        let all = parts.link.host.images().await.map_err(from_host)?;
        let Some(image) = all.into_iter().find(|image| image.id == id) else {
            // Taken away by hand: then nothing is left to say about it.
            let was_known = image_delete(&parts.db, parts.host, &id).await?;
            return if was_known { Ok(()) } else { Err(AppError::not_found("image")) };
        };
        if !image.origin.is_somebodys() {
            let message = format!("{id} is {}: deprecate it instead.", image.origin.words());
            return Err(AppError::Conflict { message });
        }
        let mut tx = parts.db.begin().await?;
        let used = image_used(&mut tx, parts.host, &id).await?;
        if used > 0 {
            let have = if used == 1 { "One guest has".to_owned() } else { format!("{used} guests have") };
            let message = format!("{have} {id}. Deprecate it, so that nobody new takes it.");
            return Err(AppError::Conflict { message });
        }
        let said = image_fetch(&mut tx, parts.host, &id).await?.unwrap_or_else(|| Image::new(id.clone()));
        image_put(&mut tx, parts.host, &Image { state: ImageState::Going, ..said.clone() }).await?;
        tx.commit().await?;
        if let Err(error) = parts.link.host.image_remove(id.clone()).await {
            // As before, for whoever tries again.
            image_put(&parts.db, parts.host, &said).await?;
            return Err(from_host(error));
        }
        image_delete(&parts.db, parts.host, &id).await?;
        tracing::info!(image = %id, by = caller.account.name, "an image was removed");
        parts.events.publish(Topic::Host);
        Ok(())
    }
}

/// What is known of the host's images.
struct Known {
    /// All that there are, for what is newer.
    ids: Vec<ImageId>,
    said: Vec<Image>,
    groups: Vec<Group>,
    /// How many guests have each, for whoever may know it.
    used: Option<HashMap<ImageId, u64>>,
}

impl Known {
    fn shown(&self, facts: ImageFacts) -> ImageShown {
        let said = self.said.iter().find(|said| said.id == facts.id);
        let (name, version) = facts.id.parts();
        let visibility = said.map(|said| said.visibility).unwrap_or_default();
        let group = self.groups.iter().find(|group| visibility == Visibility::Group(group.id));
        ImageShown {
            visibility,
            group: group.map(|group| group.name.to_string()),
            name: name.to_owned(),
            version: version.map(str::to_owned),
            newer: newest(&facts.id, &self.ids),
            note: said.map(|said| said.note.clone()).unwrap_or_default(),
            deprecated: said.is_some_and(|said| said.state == ImageState::Deprecated),
            imported: facts.origin.is_somebodys(),
            used_by: self.used.as_ref().map(|used| used.get(&facts.id).copied().unwrap_or_default()),
            title: facts.title,
            description: facts.description,
            origin: facts.origin.words().into(),
            came_from: Some(facts.came_from).filter(|from| !from.is_empty()),
            tested_with: Some(facts.tested_with).filter(|with| !with.is_empty()),
            sha256: Some(facts.sha256).filter(|sum| !sum.is_empty()),
            kind: facts.kind,
            file_system: facts.file_system,
            fills_disk: facts.fills_disk,
            default_user: facts.default_user,
            sizes: facts.sizes,
            taken_bytes: facts.taken_bytes,
            suggested_memory: facts.suggested_memory,
            id: facts.id,
        }
    }
}

/// The newest version of the same, if it isn't that itself.
pub(crate) fn newest(id: &ImageId, all: &[ImageId]) -> Option<ImageId> {
    let newer = all.iter().filter(|other| other.is_newer_than(id));
    newer.reduce(|one, other| if other.is_newer_than(one) { other } else { one }).cloned()
}

/// Whether a word of somebody's stands in its id, title, description or origin; letters as they are or not.
fn is_about(facts: &ImageFacts, text: &str) -> bool {
    let text = text.to_lowercase();
    [facts.id.as_str(), &facts.title, &facts.description, facts.origin.words()]
        .iter()
        .any(|part| part.to_lowercase().contains(&text))
}

/// What a filter asks for.
struct Sought {
    /// An image's id is its name too, so that it is the whole cursor.
    after: Option<ImageId>,
    limit: u32,
    text: String,
}

impl Sought {
    fn read(filter: ImageFilter) -> Result<Self, FieldErrors> {
        let mut wrong = FieldErrors::default();
        let after = Some(filter.cursor)
            .filter(|cursor| !cursor.is_empty())
            .map(|cursor| cursor.parse::<ImageId>().map_err(|_| FieldError::new("cursor", "Not the next of a page.")));
        let after = wrong.take(after.transpose());
        let limit = wrong.take(pages::limit(&filter.limit, PAGE_MOST));
        let text = wrong.take(pages::text("q", filter.q));
        let (Some(after), Some(limit), Some(text)) = (after, limit, text) else { return Err(wrong) };
        Ok(Self { after, limit, text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_the_same_name_is_offered() {
        let all: Vec<ImageId> = ["tiny-1", "tiny-2", "tiny-10", "host"].map(|id| id.parse().expect("a slug")).to_vec();
        assert_eq!(newest(&all[0], &all), Some(all[2].clone()));
        assert_eq!(newest(&all[1], &all), Some(all[2].clone()));
        assert_eq!((newest(&all[2], &all), newest(&all[3], &all)), (None, None));
    }

    #[test]
    fn every_wrong_field_of_a_filter_is_named() {
        let filter = ImageFilter { cursor: "../x".into(), limit: "0".into(), q: "\0".into() };
        let wrong = Sought::read(filter).err().expect("all is wrong");
        assert_eq!(wrong.0.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(), ["cursor", "limit", "q"]);
    }
}
