//! Links by which people make accounts of their own.

use reqwest::Method;
use umbel_guest::InvitationId;

use crate::answers::{Account, Invitation, InvitationDraft, NewInvitation};
use crate::client::Client;
use crate::error::Error;

impl Client {
    /// All of them for administrators, for others those into groups that they manage.
    pub async fn invitation_list(&self) -> Result<Vec<Invitation>, Error> {
        self.api(Method::GET, "/invitations").read().await
    }

    /// The link is told this once.
    pub async fn invitation_create(&self, draft: &InvitationDraft) -> Result<NewInvitation, Error> {
        self.api(Method::POST, "/invitations").json(draft).read().await
    }

    pub async fn invitation_remove(&self, invitation: InvitationId) -> Result<(), Error> {
        self.api(Method::DELETE, &format!("/invitations/{invitation}")).done().await.map(drop)
    }

    /// Makes an account by a link's token; we are signed in with it from now on.
    pub async fn invitation_accept(&self, token: &str, name: &str, password: &str) -> Result<Account, Error> {
        let coming =
            serde_json::json!({ "token": token, "name": name, "password": password, "password_again": password });
        self.api(Method::POST, "/invitations/accept").json(&coming).read().await
    }
}
