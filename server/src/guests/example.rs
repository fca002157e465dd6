//! The classic example: two guests of the host's own files on one switch, in one go.

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{Created, OperationKind};
use umbel_guest::{Attachment, DiskKind, DiskSize, GuestDraft, ImageKind, PanelRight};

use super::Guests;
use crate::accounts::Owner;
use crate::images::images_seen;
use crate::operations::Params;
use crate::store::guests::guest_list_of;

impl Guests {
    /// Both in one transaction; each comes about by an operation of its own, as any guest does.
    pub async fn example_create(&self, caller: &Caller) -> Result<Vec<Created>, AppError> {
        caller.may(PanelRight::CreateGuests)?;
        let (images, _) = images_seen(&self.parts, caller).await?;
        let found = images.into_iter().find(|image| image.kind == ImageKind::HostTree);
        let image = found.ok_or_else(|| AppError::Conflict {
            message: "The host shows none of its own files here, so there is nothing to make the example of.".into(),
        })?;
        let guests = guest_list_of(&self.parts.db, caller.account.id).await?;
        let taken: Vec<&str> = guests.iter().map(|guest| guest.spec.name.as_str()).collect();
        let mut specs = Vec::new();
        for name in names(&taken) {
            let draft = GuestDraft {
                name,
                note: "Of the classic example: the host's own files as its root, on one switch with its twin.".into(),
                image: image.id.to_string(),
                memory_mib: image.suggested_memory.mib(),
                disk_mib: DiskSize::DEFAULT.mib(),
                disk_kind: DiskKind::Memory,
                network: Attachment::Switch,
                ..GuestDraft::default()
            };
            specs.push(self.look(caller, draft, true).await?);
        }
        let mut tx = self.parts.db.begin().await?;
        let (mut made, me, params) = (Vec::new(), Owner::myself(caller), Params::default());
        for spec in specs {
            made.push(self.insert(&mut tx, caller, me.clone(), spec, OperationKind::GuestCreate, &params).await?);
        }
        tx.commit().await?;
        made.iter().for_each(|created| self.begun(*created));
        Ok(made)
    }
}

/// `c1` and `c2`, or the first pair `c1-2` and `c2-2` … that is free.
fn names(taken: &[&str]) -> [String; 2] {
    let pair = |number: usize| match number {
        1 => ["c1".to_owned(), "c2".to_owned()],
        _ => [format!("c1-{number}"), format!("c2-{number}")],
    };
    let free = |pair: &[String; 2]| pair.iter().all(|name| !taken.contains(&name.as_str()));
    // Each guest takes one pair at most.
    (1..=taken.len() + 1).map(pair).find(free).unwrap_or_else(|| pair(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_twins_have_names_that_are_free() {
        assert_eq!(names(&[]), ["c1", "c2"]);
        assert_eq!(names(&["c2", "web"]), ["c1-2", "c2-2"]);
        assert_eq!(names(&["c1", "c2", "c2-2"]), ["c1-3", "c2-3"]);
    }
}
