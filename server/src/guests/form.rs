//! What the page for a new guest is filled with.

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{GroupChoice, GuestForm, ImageChoice};
use umbel_guest::{DiskSize, ImageId, ImageOrigin};

use super::{Guests, from_host};
use crate::images::images_seen;
use crate::store::groups::group_list_managed;
use crate::store::guests::guest_list_of;
use crate::store::images::ImageState;
use crate::store::keys::key_list;
use crate::store::quotas::quota_of;

impl Guests {
    pub async fn form(&self, caller: &Caller) -> Result<GuestForm, AppError> {
        let host = &self.parts.link.host;
        let facts = host.facts().await.map_err(from_host)?;
        let kernels = self.kernels(caller, facts.profile).await?;
        let guests = guest_list_of(&self.parts.db, caller.looks_as()).await?;
        let taken: Vec<&str> = guests.iter().map(|guest| guest.spec.name.as_str()).collect();
        Ok(GuestForm {
            suggested_name: suggest(&taken),
            images: self.images(caller).await?,
            kernels: kernels.offer().choices(),
            disks: DiskSize::ladder().collect(),
            memory_available_mib: facts.memory_available_mib,
            disk_free_mib: facts.disk_free_mib,
            quota: quota_of(&self.parts.db, caller.looks_as()).await?,
            groups: self.groups_managed(caller).await?,
            keys: key_list(&self.parts.db, caller.account.id).await?.into_iter().map(|key| key.name).collect(),
        })
    }

    /// With what was said about them. The first is suggested: Umbel's own before what somebody put in, and what should
    /// rather not be taken last.
    async fn images(&self, caller: &Caller) -> Result<Vec<ImageChoice>, AppError> {
        let (mut facts, said) = images_seen(&self.parts, caller).await?;
        facts.sort_by_key(|image| match image.origin {
            ImageOrigin::Built => 0,
            ImageOrigin::Imported | ImageOrigin::Fetched | ImageOrigin::Recipe | ImageOrigin::Published => 1,
            ImageOrigin::Host => 2,
        });
        let state = |id: &ImageId| said.iter().find(|said| said.id == *id);
        let deprecated = |id: &ImageId| state(id).filter(|said| said.state == ImageState::Deprecated);
        let mut choices: Vec<ImageChoice> = facts
            .into_iter()
            .map(|image| ImageChoice {
                deprecated: deprecated(&image.id).map(|said| said.note.clone()),
                id: image.id,
                title: image.title,
                description: image.description,
                kind: image.kind,
                sizes: image.sizes,
                suggested_memory: image.suggested_memory,
            })
            .collect();
        choices.sort_by_key(|choice| choice.deprecated.is_some());
        Ok(choices)
    }

    async fn groups_managed(&self, caller: &Caller) -> Result<Vec<GroupChoice>, AppError> {
        let mut choices = Vec::new();
        if caller.bound.is_some() {
            return Ok(choices);
        }
        for (id, name) in group_list_managed(&self.parts.db, caller.account.id).await? {
            choices.push(GroupChoice { id, name, quota: quota_of(&self.parts.db, id.as_owner()).await? });
        }
        Ok(choices)
    }
}

/// The first of `tiny-1`, `tiny-2` … that is free.
fn suggest(taken: &[&str]) -> String {
    let mut names = (1..=taken.len() + 1).map(|number| format!("tiny-{number}"));
    names.find(|name| !taken.contains(&name.as_str())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suggested_name_is_free() {
        assert_eq!(suggest(&[]), "tiny-1");
        assert_eq!(suggest(&["tiny-1", "tiny-3", "web"]), "tiny-2");
        assert_eq!(suggest(&["tiny-1", "tiny-2"]), "tiny-3");
    }
}
