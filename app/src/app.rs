//! The site map: every route, the document around it, and what all pages share.

use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_meta::MetaTags;
use leptos_router::components::{ParentRoute, Route, Router, Routes};
use leptos_router::{Lazy, LazyRoute, SsrMode, lazy_route, path};

use crate::live::{Live, MOMENT, Moment};
use crate::pages::account::AccountPage;
use crate::pages::adopt::AdoptPage;
use crate::pages::announcement::AnnouncementPage;
use crate::pages::audit::AuditPage;
use crate::pages::backups::BackupsPage;
use crate::pages::doctor::DoctorPage;
use crate::pages::files::{BackupFilesPage, SnapshotFilesPage};
use crate::pages::groups::list::GroupListPage;
use crate::pages::groups::show::GroupPage;
use crate::pages::guests::activity::GuestActivityPage;
use crate::pages::guests::console::GuestConsolePage;
use crate::pages::guests::disk::GuestDiskPage;
use crate::pages::guests::files::GuestFilesPage;
use crate::pages::guests::list::GuestListPage;
use crate::pages::guests::network::GuestNetworkPage;
use crate::pages::guests::new::GuestNewPage;
use crate::pages::guests::overview::GuestOverviewPage;
use crate::pages::guests::publish::PublishPage;
use crate::pages::guests::settings::GuestSettingsPage;
use crate::pages::guests::sharing::GuestSharingPage;
use crate::pages::guests::show::GuestPage;
use crate::pages::host::HostPage;
use crate::pages::images::list::ImageListPage;
use crate::pages::images::show::ImageShowPage;
use crate::pages::import::ImportPage;
use crate::pages::invitations::InvitationsPage;
use crate::pages::kernels::list::KernelListPage;
use crate::pages::networks::list::NetworkListPage;
use crate::pages::not_found::NotFoundPage;
use crate::pages::operations::list::OperationListPage;
use crate::pages::operations::show::OperationPage;
use crate::pages::overview::OverviewPage;
use crate::pages::people::list::PeopleListPage;
use crate::pages::people::show::PersonPage;
use crate::pages::quotas::QuotasPage;
use crate::pages::storage::StoragePage;
use crate::pages::usage::UsagePage;
use crate::pages::volumes::list::VolumeListPage;
use crate::pages::webhooks::WebhooksPage;
use crate::parts::announcement::Announced;
use crate::parts::frame::Frame;
use crate::parts::me::Me;

/// What `/pkg/*.js` and `*.wasm` are called; also in the workspace's Leptos metadata.
pub const OUTPUT_NAME: &str = "umbel";

/// All pages but the list of guests: each is a part of the wasm of its own, fetched when it is.
macro_rules! parts {
    ($($part:ident: $page:ident),+ $(,)?) => {$(
        #[derive(Debug)]
        struct $part;

        #[lazy_route]
        impl LazyRoute for $part {
            fn data() -> Self {
                Self
            }

            fn view(_part: Self) -> AnyView {
                $page().into_any()
            }
        }
    )+};
}

parts! {
    OverviewPart: OverviewPage,
    NewPart: GuestNewPage,
    GuestHeadPart: GuestPage,
    GuestPart: GuestOverviewPage,
    ConsolePart: GuestConsolePage,
    ActivityPart: GuestActivityPage,
    DiskPart: GuestDiskPage,
    FilesPart: GuestFilesPage,
    PublishPart: PublishPage,
    SettingsPart: GuestSettingsPage,
    SharingPart: GuestSharingPage,
    OperationsPart: OperationListPage,
    OperationPart: OperationPage,
    GuestNetworkPart: GuestNetworkPage,
    AdoptPart: AdoptPage,
    NetworksPart: NetworkListPage,
    VolumesPart: VolumeListPage,
    ImagesPart: ImageListPage,
    ImagePart: ImageShowPage,
    KernelsPart: KernelListPage,
    HostPart: HostPage,
    StoragePart: StoragePage,
    DoctorPart: DoctorPage,
    AuditPart: AuditPage,
    AnnouncementPart: AnnouncementPage,
    WebhooksPart: WebhooksPage,
    PeoplePart: PeopleListPage,
    ImportPart: ImportPage,
    InvitationsPart: InvitationsPage,
    PersonPart: PersonPage,
    GroupsPart: GroupListPage,
    GroupPart: GroupPage,
    QuotasPart: QuotasPage,
    UsagePart: UsagePage,
    BackupsPart: BackupsPage,
    BackupFilesPart: BackupFilesPage,
    SnapshotFilesPart: SnapshotFilesPage,
    AccountPart: AccountPage,
}

/// The document around every page.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let nonce = use_nonce();
    let made = use_context::<Moment>().map(|Moment(made)| view! { <meta name=MOMENT content=made /> });
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover" />
                <meta name="color-scheme" content="light dark" />
                {made}
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                // Before anything is painted, so that a dark page never flashes white.
                <script src="/theme.js" nonce=nonce.clone()></script>
                <link rel="stylesheet" href="/style.css" />
                <HydrationScripts options=options />
                <script src="/pages.js" nonce=nonce defer=true></script>
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}

/// Makes what the server rendered live, and only then listens to what changes. A page may be a part of the wasm that has to
/// come first: of what is told before it has, it would never know, and would show what the document said.
#[cfg(feature = "hydrate")]
pub fn hydrate() {
    use std::cell::Cell;
    use std::rc::Rc;

    wasm_bindgen_futures::spawn_local(async {
        let body = document().body().expect("the document has a body");
        let live = Rc::new(Cell::new(None));
        let provided = Rc::clone(&live);
        let app = move || {
            let app = App();
            provided.set(Some(Live::expect()));
            app
        };
        // For as long as the tab.
        hydrate_from_async(body, app).await.forget();
        live.get().expect("the app is made").open();
    });
}

/// All pages. `SsrMode::Async` throughout: statuses and redirects are decided before the first byte
/// leaves, and everything is there without scripts.
#[component]
pub fn App() -> impl IntoView {
    // The head is the server's to write.
    #[cfg(feature = "ssr")]
    leptos_meta::provide_meta_context();
    Live::provide();
    Me::provide();
    Announced::provide();
    view! {
        <Router>
            <Frame>
                <Routes fallback=NotFoundPage>
                    <Route path=path!("/") view={Lazy::<OverviewPart>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/guests") view=GuestListPage ssr=SsrMode::Async />
                    <Route path=path!("/guests/new") view={Lazy::<NewPart>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/guests/adopt") view={Lazy::<AdoptPart>::new()} ssr=SsrMode::Async />
                    <ParentRoute path=path!("/guests/:guest") view={Lazy::<GuestHeadPart>::new()} ssr=SsrMode::Async>
                        <Route path=path!("") view={Lazy::<GuestPart>::new()} ssr=SsrMode::Async />
                        <Route path=path!("console") view={Lazy::<ConsolePart>::new()} ssr=SsrMode::Async />
                        <Route path=path!("disk") view={Lazy::<DiskPart>::new()} ssr=SsrMode::Async />
                        <Route path=path!("files") view={Lazy::<FilesPart>::new()} ssr=SsrMode::Async />
                        <Route path=path!("disk/:snapshot/image") view={Lazy::<PublishPart>::new()} ssr=SsrMode::Async />
                        <Route path=path!("disk/:snapshot/files") view={Lazy::<SnapshotFilesPart>::new()} ssr=SsrMode::Async />
                        <Route path=path!("network") view={Lazy::<GuestNetworkPart>::new()} ssr=SsrMode::Async />
                        <Route path=path!("activity") view={Lazy::<ActivityPart>::new()} ssr=SsrMode::Async />
                        <Route path=path!("sharing") view={Lazy::<SharingPart>::new()} ssr=SsrMode::Async />
                        <Route path=path!("settings") view={Lazy::<SettingsPart>::new()} ssr=SsrMode::Async />
                    </ParentRoute>
                    <Route path=path!("/operations") view={Lazy::<OperationsPart>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/operations/:operation") view={Lazy::<OperationPart>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/networks") view={Lazy::<NetworksPart>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/volumes") view={Lazy::<VolumesPart>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/images") view={Lazy::<ImagesPart>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/images/:image") view={Lazy::<ImagePart>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/kernels") view={Lazy::<KernelsPart>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/host") view={Lazy::<HostPart>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/host/storage") view={Lazy::<StoragePart>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/doctor") view={Lazy::<DoctorPart>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/audit") view={Lazy::<AuditPart>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/announcement") view={Lazy::<AnnouncementPart>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/webhooks") view={Lazy::<WebhooksPart>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/people") view={Lazy::<PeoplePart>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/people/import") view={Lazy::<ImportPart>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/people/invitations") view={Lazy::<InvitationsPart>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/people/:account") view={Lazy::<PersonPart>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/groups") view={Lazy::<GroupsPart>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/groups/:group") view={Lazy::<GroupPart>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/backups/:backup/files") view={Lazy::<BackupFilesPart>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/backups") view={Lazy::<BackupsPart>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/usage") view={Lazy::<UsagePart>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/quotas") view={Lazy::<QuotasPart>::new()} ssr=SsrMode::Async />
                    <Route path=path!("/account") view={Lazy::<AccountPart>::new()} ssr=SsrMode::Async />
                </Routes>
            </Frame>
        </Router>
    }
}
