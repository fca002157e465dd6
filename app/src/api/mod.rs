//! Server functions: who asks, then the port, then the answer. Registered under
//! [`paths::SERVER_FN`](crate::paths::SERVER_FN), which the macro wants spelled out.

pub mod accounts;
pub mod announcements;
pub mod audit;
pub mod backups;
pub mod files;
pub mod groups;
pub mod guests;
pub mod host;
pub mod images;
pub mod invitations;
pub mod kernels;
pub mod keys;
#[cfg(feature = "ssr")]
mod limits;
pub mod networks;
pub mod operations;
pub mod parcels;
pub mod quotas;
pub mod shares;
pub mod snapshots;
pub mod storage;
pub mod strays;
pub mod tokens;
pub mod usage;
pub mod volumes;
pub mod webhooks;

/// What an address that names nothing is answered with; its status goes out with the page.
pub fn missing(what: &str) -> crate::AppError {
    let error = crate::AppError::not_found(what);
    #[cfg(feature = "ssr")]
    let error = answer::told::<()>(Err(error.clone())).err().unwrap_or(error);
    error
}

/// The same of a page that isn't the reader's.
pub fn refused(denied: umbel_guest::Denied) -> crate::AppError {
    let error = crate::AppError::from(denied);
    #[cfg(feature = "ssr")]
    let error = answer::told::<()>(Err(error.clone())).err().unwrap_or(error);
    error
}

#[cfg(feature = "ssr")]
mod answer {
    use http::header::ACCEPT;
    use http::request::Parts;
    use http::{Method, StatusCode};
    use leptos::prelude::use_context;
    use leptos_axum::ResponseOptions;

    use crate::AppError;

    /// Gives an error's status to the answer, except to a plain form: there the answer is a redirect
    /// back to the form, with the error in its address.
    pub(super) fn told<T>(result: Result<T, AppError>) -> Result<T, AppError> {
        if let (Err(error), Some(options)) = (&result, use_context::<ResponseOptions>())
            && !use_context::<Parts>().is_some_and(|parts| is_plain_form(&parts))
            && let Ok(status) = StatusCode::from_u16(error.status())
        {
            options.set_status(status);
        }
        result
    }

    fn is_plain_form(parts: &Parts) -> bool {
        parts.method == Method::POST
            && parts.headers.get(ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("text/html"))
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use leptos::server_fn::ServerFn;

    use super::*;
    use crate::paths;

    #[test]
    fn every_server_function_lies_under_the_prefix() {
        for path in [
            groups::GroupList::PATH,
            guests::GuestList::PATH,
            guests::GuestAct::PATH,
            guests::GuestCreate::PATH,
            operations::OperationFetch::PATH,
            accounts::AccountMe::PATH,
            announcements::AnnouncementSet::PATH,
            audit::AuditList::PATH,
            host::Overview::PATH,
            images::ImageList::PATH,
            kernels::KernelList::PATH,
            networks::ForwardAdd::PATH,
            quotas::QuotaAsk::PATH,
            shares::SharePut::PATH,
            strays::AdoptRead::PATH,
            volumes::VolumeAttach::PATH,
            webhooks::WebhookTest::PATH,
        ] {
            assert!(path.starts_with(&format!("{}/", paths::SERVER_FN)), "{path}");
        }
    }
}
