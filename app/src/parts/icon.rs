use leptos::prelude::*;

/// Line drawings on a field of 16 × 16; inline, so that they cost no request and take the text's colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    Umbel,
    Overview,
    Guests,
    Activity,
    Audit,
    People,
    Groups,
    Account,
    SignOut,
    Fold,
    Console,
    Networks,
    Volumes,
    Images,
    Kernels,
    Quotas,
    Announcement,
    Webhooks,
    Host,
    Doctor,
    Start,
    Pause,
    ShutDown,
    Restart,
    Kill,
    Undo,
    Delete,
}

impl Icon {
    fn path(self) -> &'static str {
        match self {
            Self::Umbel => "M8 15V7M8 8 3 4.5M8 8l5-3.5M8 7V2.5M3 4.2h.01M8 2.2h.01M13 4.2h.01",
            Self::Overview => "M2.5 2.5h4.5v5h-4.5zM9 2.5h4.5v3H9zM9 8h4.5v5.5H9zM2.5 10h4.5v3.5h-4.5z",
            Self::Guests => "M2 3h12v4H2zM2 9h12v4H2zM4.5 5h.01M4.5 11h.01",
            Self::Activity => "M1.5 8.5h3l2-5.5 3 10.5 2-5h3",
            Self::Audit => "M3.5 1.8h9v12.4h-9zM6 5h4M6 8h4M6 11h2.5",
            Self::People => {
                "M6 7.5a2.4 2.4 0 1 0 0-4.8 2.4 2.4 0 0 0 0 4.8zM1.5 13.5c.3-2.6 2-4 4.5-4s4.2 1.4 4.5 4M10.6 3a2.2 2.2 0 0 1 0 4.2M12 9.8c1.5.6 2.3 1.8 2.5 3.7"
            }
            Self::Groups => {
                "M8 5.5a1.8 1.8 0 1 0 0-3.6 1.8 1.8 0 0 0 0 3.6zM3.8 12.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM12.2 12.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM8 5.5v2.2M3.8 9.5V7.7h8.4v1.8M1.8 14.5h4M10.2 14.5h4"
            }
            Self::Account => {
                "M8 7.5a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2zM2.5 14c.3-2.9 2.5-4.4 5.5-4.4s5.2 1.5 5.5 4.4"
            }
            Self::SignOut => "M6.5 2.5h-4v11h4M6 8h8M11 5l3 3-3 3",
            Self::Fold => "M2.5 2.5h11v11h-11zM6.5 2.5v11M11 6 9 8l2 2",
            Self::Console => "M2 3h12v10H2zM4.5 6l2 2-2 2M8.5 10.2h3",
            Self::Networks => "M6 2h4v3.5H6zM1.5 10.5h4V14h-4zM10.5 10.5h4V14h-4zM8 5.5V8M3.5 10.5V8h9v2.5",
            Self::Volumes => {
                "M2.5 4c0-1.2 2.5-2 5.5-2s5.5.8 5.5 2-2.5 2-5.5 2-5.5-.8-5.5-2zM2.5 4v8c0 1.2 2.5 2 5.5 2s5.5-.8 5.5-2V4M2.5 8c0 1.2 2.5 2 5.5 2s5.5-.8 5.5-2"
            }
            Self::Images => "M8 1.8 14 5 8 8.2 2 5zM2 8l6 3.2L14 8M2 11l6 3.2L14 11",
            Self::Kernels => "M5 5h6v6H5zM3 3h10v10H3zM6 1v2M10 1v2M6 13v2M10 13v2M1 6h2M1 10h2M13 6h2M13 10h2",
            Self::Quotas => "M2 13.5h12M3.5 13.5V9M6.5 13.5v-7M9.5 13.5v-5M12.5 13.5v-11M2 4.5h5",
            Self::Announcement => "M2 6.2v3.6h2.6L12 13.5v-11L4.6 6.2zM5 10l1 4h1.6M14 6.8v2.4",
            Self::Webhooks => "M2 8h8M7 4.5 10.5 8 7 11.5M13.5 2.5v11",
            Self::Host => "M2 2.5h12v8H2zM5.5 13.5h5M8 10.5v3",
            Self::Doctor => "M8 1.8 13.5 4v4c0 3.2-2.2 5.3-5.5 6.4C4.7 13.3 2.5 11.2 2.5 8V4zM5.5 8l1.8 1.8L10.7 6.3",
            Self::Pause => "M5.5 3.5v9M10.5 3.5v9",
            Self::Start => "M5 3.2v9.6l7.5-4.8z",
            Self::ShutDown => "M8 2v6M4.6 4.2a5 5 0 1 0 6.8 0",
            Self::Restart => "M13 8a5 5 0 1 1-1.6-3.7M13.2 2v3h-3",
            Self::Kill => "M4 4h8v8H4z",
            Self::Undo => "M6 3 3 6l3 3M3 6h6.5a3.5 3.5 0 0 1 0 7H6",
            Self::Delete => "M3 4.5h10M6.5 4.5v-2h3v2M4.5 4.5l.6 9h5.8l.6-9",
        }
    }
}

#[component]
pub fn Drawn(icon: Icon) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
            <path d=icon.path()></path>
        </svg>
    }
    .into_any()
}
