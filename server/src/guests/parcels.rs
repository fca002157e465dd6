//! Files that go into guests and come out of them, without a network. Whoever may type into a guest's console may: it is
//! root's there. What came out is kept for an hour, and no more than the last of each guest.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{
    FileFetchDraft, FileHere, FileSendDraft, FileWay, OperationKind, OperationState, ParcelShown, ParcelsShown,
};
use umbel_guest::{FieldErrors, GuestId, GuestRight, OperationId, ParcelId, ParcelSize, Seen, UploadId};
use uuid::Uuid;

use super::snapshots::conflict;
use super::{Guests, requester};
use crate::error::chain;
use crate::operations::file_fetch::{FETCHED, Fetched};
use crate::operations::{Params, ParcelParams};
use crate::store::StoreError;
use crate::store::guests::{Guest, guest_fetch};
use crate::store::operation_pages::{Sought, operation_page};
use crate::store::operations::{Operation, operation_fetch};
use crate::uploads::{self, KEPT_FETCHED, check_room};

/// How often it is looked for what has had its time.
const LOOK: Duration = Duration::from_secs(300);
/// So many are shown.
const SHOWN: u32 = 20;

/// What came out of a guest, to be downloaded.
#[derive(Debug)]
pub struct Download {
    pub guest: GuestId,
    pub guest_name: String,
    pub fetched: Fetched,
    pub file: fs::File,
}

impl Guests {
    pub async fn file_list(&self, caller: &Caller, guest: GuestId) -> Result<ParcelsShown, AppError> {
        let guest = self.allowed(caller, guest, GuestRight::TypeConsole).await?;
        let mut rows = Vec::new();
        for (kind, way) in [(OperationKind::FileSend, FileWay::In), (OperationKind::FileFetch, FileWay::Out)] {
            let sought = Sought { guest: Some(guest.id), kind: Some(kind), ..Sought::default() };
            let page = operation_page(&self.parts.db, &sought, SHOWN).await?;
            rows.extend(page.into_iter().filter_map(|operation| self.file_shown(operation, way)));
        }
        rows.sort_by_key(|row| std::cmp::Reverse((row.at, row.operation)));
        rows.truncate(usize::try_from(SHOWN).unwrap_or(usize::MAX));
        Ok(ParcelsShown { runs: matches!(guest.seen, Seen::Running { .. }), rows })
    }

    fn file_shown(&self, operation: Operation, way: FileWay) -> Option<ParcelShown> {
        let params: Params = serde_json::from_str(&operation.params).unwrap_or_default();
        let ParcelParams { name, wanted, .. } = params.parcel?;
        let here = (operation.state == OperationState::Done).then(|| self.fetched(params.upload?)).flatten();
        let here = here.map(|(fetched, until, _)| FileHere { name: fetched.name, bytes: fetched.bytes, until });
        Some(ParcelShown {
            operation: operation.id,
            way,
            name: name.map(String::from).or(wanted.map(|(path, _)| path.into())).unwrap_or_default(),
            requester: operation.requester_name,
            state: operation.state,
            said: operation.log.last().map(|line| line.text.clone()).unwrap_or_default(),
            at: operation.created_at,
            here,
        })
    }

    /// What lies there of a file that came out, until when, and where.
    fn fetched(&self, upload: UploadId) -> Option<(Fetched, i64, PathBuf)> {
        let place = self.parts.layout.as_ref()?.upload(upload);
        let note = place.join(FETCHED);
        let changed = fs::metadata(&note).ok()?.modified().ok()?;
        let until = (changed + KEPT_FETCHED).duration_since(UNIX_EPOCH).ok()?;
        if changed + KEPT_FETCHED < SystemTime::now() {
            return None;
        }
        let fetched = serde_json::from_str(&fs::read_to_string(note).ok()?).ok()?;
        Some((fetched, i64::try_from(until.as_micros()).unwrap_or(i64::MAX), place.join("disk")))
    }

    /// Whether somebody may put a file there that goes into the guest.
    pub async fn file_upload_allowed(&self, caller: &Caller, guest: GuestId) -> Result<(), AppError> {
        let guest = self.allowed(caller, guest, GuestRight::TypeConsole).await?;
        runs(&guest)
    }

    pub async fn file_send(
        &self,
        caller: &Caller,
        guest: GuestId,
        draft: FileSendDraft,
        named: impl FnOnce(UploadId) -> Option<String> + Send,
    ) -> Result<OperationId, AppError> {
        self.allowed(caller, guest, GuestRight::TypeConsole).await?;
        let mut wrong = FieldErrors::default();
        let upload = draft.upload.parse().ok().and_then(|upload| Some((upload, named(upload)?)));
        if upload.is_none() {
            let message = "There is no upload of yours with one file in it. Choose the file again.";
            wrong.take_all::<()>(Err(FieldErrors::one("upload", message)));
        }
        let name = match (draft.name.trim(), &upload) {
            ("", Some((_, name))) => name.clone(),
            (name, _) => name.to_owned(),
        };
        let name = if name.is_empty() { None } else { wrong.take(name.parse()) };
        let upload = upload.map(|(upload, _)| upload);
        let (Some(name), Some(upload), true) = (name, upload, wrong.is_empty()) else {
            return Err(AppError::Invalid(wrong));
        };
        let parcel = ParcelParams { id: ParcelId(Uuid::now_v7()), name: Some(name), wanted: None };
        let params = Params { parcel: Some(parcel), upload: Some(upload), ..Params::default() };
        self.file_begin(caller, guest, OperationKind::FileSend, &params).await
    }

    pub async fn file_fetch(
        &self,
        caller: &Caller,
        guest: GuestId,
        draft: FileFetchDraft,
    ) -> Result<OperationId, AppError> {
        self.allowed(caller, guest, GuestRight::TypeConsole).await?;
        let mut wrong = FieldErrors::default();
        let path = wrong.take(draft.path.trim().parse());
        let most = wrong.take(ParcelSize::from_mib(draft.most_mib));
        let (Some(path), Some(most)) = (path, most) else { return Err(AppError::Invalid(wrong)) };
        check_room(&self.parts).await?;
        let parcel = ParcelParams { id: ParcelId(Uuid::now_v7()), name: None, wanted: Some((path, most)) };
        let params = Params { parcel: Some(parcel), upload: Some(UploadId(Uuid::now_v7())), ..Params::default() };
        let operation = self.file_begin(caller, guest, OperationKind::FileFetch, &params).await?;
        self.files_let_go(guest, operation).await?;
        Ok(operation)
    }

    async fn file_begin(
        &self,
        caller: &Caller,
        guest: GuestId,
        kind: OperationKind,
        params: &Params,
    ) -> Result<OperationId, AppError> {
        let mut tx = self.parts.db.begin().await?;
        let guest = guest_fetch(&mut tx, guest).await?.ok_or_else(|| AppError::not_found("guest"))?;
        runs(&guest)?;
        let operation = self.operations.insert_with(&mut tx, kind, &guest, &requester(caller), params).await?;
        tx.commit().await?;
        self.under_way(operation, guest.id);
        Ok(operation)
    }

    /// What came out of a guest before: of each there is the last.
    async fn files_let_go(&self, guest: GuestId, but: OperationId) -> Result<(), StoreError> {
        let Some(layout) = &self.parts.layout else { return Ok(()) };
        let sought = Sought { guest: Some(guest), kind: Some(OperationKind::FileFetch), ..Sought::default() };
        for operation in operation_page(&self.parts.db, &sought, SHOWN).await? {
            let params: Params = serde_json::from_str(&operation.params).unwrap_or_default();
            if let Some(upload) = params.upload.filter(|_| operation.id != but)
                && let Err(error) = uploads::remove(&layout.upload(upload))
            {
                tracing::warn!(%guest, %error, "what came out of a guest stays");
            }
        }
        Ok(())
    }

    /// What came out of a guest. Whoever may see the operation and not this learns that they may not.
    pub async fn file_download(&self, caller: &Caller, operation: OperationId) -> Result<Download, AppError> {
        let missing = || AppError::not_found("file");
        let found = operation_fetch(&self.parts.db, operation).await?;
        let found = found.filter(|found| found.kind == OperationKind::FileFetch).ok_or_else(missing)?;
        let guest = found.guest.ok_or_else(missing)?;
        self.allowed(caller, guest, GuestRight::TypeConsole).await?;
        let params: Params = serde_json::from_str(&found.params).unwrap_or_default();
        let is_done = found.state == OperationState::Done;
        let upload = params.upload.filter(|_| is_done).ok_or_else(missing)?;
        let (fetched, _, path) = self.fetched(upload).ok_or_else(missing)?;
        let file = fs::File::open(path).map_err(|_| missing())?;
        Ok(Download { guest, guest_name: found.guest_name, fetched, file })
    }

    /// For ever: removes what has had its time.
    pub async fn keep_parcels(self) {
        loop {
            if let Some(layout) = &self.parts.layout {
                let all = layout.panel().join("uploads");
                let swept = tokio::task::spawn_blocking(move || uploads::forget_all_old(&all)).await;
                if let Err(error) = swept {
                    tracing::warn!(cause = chain(&error), "what came in and out could not be looked after");
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn runs(guest: &Guest) -> Result<(), AppError> {
    match guest.seen {
        Seen::Running { .. } => Ok(()),
        Seen::Paused { .. } => Err(conflict("It is paused, and takes and gives nothing.")),
        _ => Err(conflict("Files come and go while a guest runs.")),
    }
}
