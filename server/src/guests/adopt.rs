//! Adoption of what an administrator ran by hand: root images that lie ready, command lines, and the
//! guests that come of them.

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{AdoptShown, Created, OperationKind, StrayShown};
use umbel_guest::{DiskKind, DiskSize, FieldErrors, GuestDraft, PanelRight, StrayName};

use super::create::Whose;
use super::{Guests, from_host};
use crate::operations::Params;

/// As the agent calls the root of an adopted guest: it is of no image.
const IMAGE: &str = "adopted";
/// A command line has at most so many bytes (kernel: COMMAND_LINE_SIZE of arch/um is 4096).
const LINE_MOST: usize = 4096;

impl Guests {
    pub async fn stray_list(&self, caller: &Caller) -> Result<Vec<StrayShown>, AppError> {
        caller.may(PanelRight::AdoptGuests)?;
        let strays = self.parts.link.host.strays().await.map_err(from_host)?;
        let shown = strays.into_iter().map(|stray| StrayShown {
            name: stray.name,
            size_bytes: stray.size_bytes,
            file_system: stray.file_system,
            refused: stray.refused,
        });
        Ok(shown.collect())
    }

    pub async fn adopt_read(&self, caller: &Caller, command_line: String) -> Result<AdoptShown, AppError> {
        caller.may(PanelRight::AdoptGuests)?;
        if command_line.len() > LINE_MOST {
            let message = format!("A command line has at most {LINE_MOST} bytes.");
            return Err(AppError::Invalid(FieldErrors::one("command_line", message)));
        }
        Ok(super::by_hand::draft(umbel_guest::by_hand::parse(&command_line)))
    }

    pub async fn adopt(&self, caller: &Caller, stray: StrayName, draft: GuestDraft) -> Result<Created, AppError> {
        caller.may(PanelRight::AdoptGuests)?;
        let strays = self.parts.link.host.strays().await.map_err(from_host)?;
        let found = strays.into_iter().find(|facts| facts.name == stray);
        let facts = found.ok_or_else(|| AppError::not_found("image"))?;
        if let Some(why) = facts.refused {
            return Err(AppError::Conflict { message: format!("{stray} can't be adopted: {why}.") });
        }
        let large = || {
            let message = format!("{stray} is larger than any disk that a guest may have.");
            AppError::Invalid(FieldErrors::one("stray", message))
        };
        let disk = DiskSize::ladder().find(|size| size.bytes() >= facts.size_bytes).ok_or_else(large)?;
        let draft = GuestDraft { image: IMAGE.into(), disk_mib: disk.mib(), disk_kind: DiskKind::Plain, ..draft };
        let group = draft.group;
        let looked = self.look(caller, draft, false).await?;
        let params = Params { stray: Some(stray), ..Params::default() };
        self.make(caller, Whose::OfGroup(group), looked, OperationKind::GuestAdopt, &params).await
    }
}
