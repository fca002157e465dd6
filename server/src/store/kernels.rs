//! What people said about kernels; what a kernel is, the host knows.

use umbel_guest::KernelId;

use super::StoreError;
use super::db::On;
use super::meta::HostId;
use super::query::{Row, sql};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    pub id: KernelId,
    pub note: String,
    /// Not offered any more.
    pub retired: bool,
}

fn kernel(row: &Row) -> Result<Kernel, StoreError> {
    Ok(Kernel { id: row.parse("id")?, note: row.get("note")?, retired: row.get("retired")? })
}

/// Writes all that is said about it.
pub async fn kernel_put(on: impl Into<On<'_>>, host: HostId, kernel: &Kernel) -> Result<(), StoreError> {
    let put = "INSERT INTO kernels (host, id, note, retired) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (host, id) DO UPDATE SET note = $3, retired = $4";
    let query = sql("kernel_put", put).bind(host.to_string()).bind(kernel.id.as_str());
    query.bind(kernel.note.as_str()).bind(kernel.retired).run(on).await?;
    Ok(())
}

pub async fn kernel_fetch(on: impl Into<On<'_>>, host: HostId, id: &KernelId) -> Result<Option<Kernel>, StoreError> {
    let select = "SELECT id, note, retired FROM kernels WHERE host = $1 AND id = $2";
    let query = sql("kernel_fetch", select).bind(host.to_string()).bind(id.as_str());
    query.one(on).await?.as_ref().map(kernel).transpose()
}

/// All of a host that anything was said about.
pub async fn kernel_list(on: impl Into<On<'_>>, host: HostId) -> Result<Vec<Kernel>, StoreError> {
    let select = "SELECT id, note, retired FROM kernels WHERE host = $1 ORDER BY id";
    sql("kernel_list", select).bind(host.to_string()).all(on).await?.iter().map(kernel).collect()
}

/// Whether anything was said about it.
pub async fn kernel_delete(on: impl Into<On<'_>>, host: HostId, id: &KernelId) -> Result<bool, StoreError> {
    let delete = "DELETE FROM kernels WHERE host = $1 AND id = $2";
    Ok(sql("kernel_delete", delete).bind(host.to_string()).bind(id.as_str()).run(on).await? == 1)
}
