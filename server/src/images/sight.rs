//! Which images somebody sees: what they see they may make guests of. A guest that has one keeps it, whoever sees it.

use std::collections::HashSet;

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_guest::{GroupId, ImageId, PanelRight, Visibility};
use umbel_wire::agent::ImageFacts;

use crate::guests::from_host;
use crate::parts::Parts;
use crate::store::groups::group_list_of;
use crate::store::images::{Image, ImageState, image_list};

/// What the host has, without what is being taken away and what the caller doesn't see; and what was said of all.
pub(crate) async fn images_seen(parts: &Parts, caller: &Caller) -> Result<(Vec<ImageFacts>, Vec<Image>), AppError> {
    let said = image_list(&parts.db, parts.host).await?;
    let sight = Sight::of(parts, caller).await?;
    let mut all = parts.link.host.images().await.map_err(from_host)?;
    all.retain(|image| sight.reaches(said_of(&said, &image.id)));
    Ok((all, said))
}

fn said_of<'a>(said: &'a [Image], id: &ImageId) -> Option<&'a Image> {
    said.iter().find(|said| said.id == *id)
}

enum Sight {
    All,
    Groups(HashSet<GroupId>),
}

impl Sight {
    async fn of(parts: &Parts, caller: &Caller) -> Result<Self, AppError> {
        if caller.may(PanelRight::ManageImages).is_ok() {
            return Ok(Self::All);
        }
        // A bound token sees no more than its group.
        if let Some(group) = caller.bound {
            return Ok(Self::Groups(HashSet::from([group])));
        }
        let groups = group_list_of(&parts.db, caller.account.id).await?;
        Ok(Self::Groups(groups.into_iter().map(|(group, _)| group).collect()))
    }

    /// Of what nobody has said anything about, everybody sees.
    fn reaches(&self, said: Option<&Image>) -> bool {
        let Some(said) = said else { return true };
        said.state != ImageState::Going
            && match (self, said.visibility) {
                (Self::All, _) | (_, Visibility::Public) => true,
                (Self::Groups(groups), Visibility::Group(group)) => groups.contains(&group),
                (Self::Groups(_), Visibility::Private) => false,
            }
    }
}
