//! Who may choose a kernel for a guest, and who may put kernels in.

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{KernelSettings, Topic, Who};
use umbel_guest::PanelRight;

use super::Kernels;
use crate::etag::Tagged as _;
use crate::store::meta::{Key, panel_fetch, panel_put};
use crate::store::{Db, StoreError};

/// Where nothing was decided, everybody chooses and administrators put in.
const USUAL: KernelSettings = KernelSettings { choice: Who::Everyone, upload: Who::Administrators };

pub async fn settings(db: &Db) -> Result<KernelSettings, StoreError> {
    Ok(decided(panel_fetch(db, Key::KernelChoice).await?, panel_fetch(db, Key::KernelUpload).await?))
}

fn decided(choice: Option<String>, upload: Option<String>) -> KernelSettings {
    // A word that only a newer panel knows is the careful one.
    let who = |text: Option<String>, usual| text.map_or(usual, |text| text.parse().unwrap_or_default());
    KernelSettings { choice: who(choice, USUAL.choice), upload: who(upload, USUAL.upload) }
}

pub fn allows(who: Who, caller: &Caller) -> bool {
    who == Who::Everyone || caller.may(PanelRight::ManageKernels).is_ok()
}

impl Kernels {
    pub async fn set_settings(&self, caller: &Caller, settings: KernelSettings) -> Result<(), AppError> {
        caller.may(PanelRight::ManageKernels)?;
        let parts = self.parts();
        let mut tx = parts.db.begin().await?;
        let choice = panel_fetch(&mut tx, Key::KernelChoice).await?;
        let now = decided(choice, panel_fetch(&mut tx, Key::KernelUpload).await?);
        caller.expected(&now.etag())?;
        panel_put(&mut tx, Key::KernelChoice, settings.choice.word()).await?;
        panel_put(&mut tx, Key::KernelUpload, settings.upload.word()).await?;
        tx.commit().await?;
        tracing::info!(?settings, by = caller.account.name, "who may choose kernels was changed");
        parts.events.publish(Topic::Host);
        Ok(())
    }
}
