//! What the host is told of networks: that one is needed, which ports lead into it, that nobody is in
//! it any more. Everything may be repeated, and all of it is when the agent comes.

use umbel_guest::{AccountId, Attachment, Forward, GuestId, NetworkId};
use umbel_wire::agent::{Card, Refusal};

use crate::error::chain;
use crate::host::HostError;
use crate::parts::Parts;
use crate::store::StoreError;
use crate::store::guests::Guest;
use crate::store::networks::{forward_list, network_delete_unused, network_ensure, network_fetch_of, network_list};

/// Why the host does not know.
#[derive(Debug, thiserror::Error)]
pub enum TellError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Host(#[from] HostError),
}

/// The account's network: its row, made if it isn't there.
pub async fn network_of(parts: &Parts, owner: AccountId) -> Result<NetworkId, StoreError> {
    if let Some(network) = network_fetch_of(&parts.db, parts.host, owner).await? {
        return Ok(network.id);
    }
    let mut tx = parts.db.begin().await?;
    let network = network_ensure(&mut tx, parts.host, owner, parts.clock.now()).await?;
    tx.commit().await?;
    Ok(network)
}

/// What a guest is started with; its network stands on the host afterwards.
pub async fn card(parts: &Parts, guest: &Guest) -> Result<Option<Card>, TellError> {
    let (attachment, Some(number)) = (guest.spec.network, guest.number) else { return Ok(None) };
    if attachment == Attachment::None {
        return Ok(None);
    }
    let network = network_of(parts, guest.owner).await?;
    parts.link.network(network).await?;
    Ok(Some(Card { attachment, network, number }))
}

/// All ports that lead into the account's network. One at a time, so that the last word is the newest.
pub async fn forwards(parts: &Parts, owner: AccountId) -> Result<(), HostError> {
    let _turn = parts.telling.lock().await;
    let read = async {
        let network = network_fetch_of(&parts.db, parts.host, owner).await?;
        Ok::<_, StoreError>((network, forward_list(&parts.db, parts.host).await?))
    };
    let (network, there) = match read.await {
        Ok((Some(network), there)) => (network.id, there),
        Ok((None, _)) => return Ok(()),
        Err(error) => {
            // Told when the agent comes again, as every failure is.
            tracing::warn!(cause = chain(&error), "ports can't be read");
            return Ok(());
        }
    };
    let all: Vec<Forward> = there.iter().filter(|f| f.owner == owner).filter_map(|f| f.leads()).collect();
    parts.link.network(network).await?;
    match parts.link.host.network_forwards(network, all.clone()).await {
        Err(HostError::Refused(Refusal::UnknownNetwork { .. })) => {
            parts.link.network_forget(network);
            parts.link.network(network).await?;
            parts.link.host.network_forwards(network, all).await
        }
        done => done,
    }
}

/// A guest goes, or was never made: its ports lead nowhere, and a network that it was the last of is
/// removed.
pub async fn leave(parts: &Parts, owner: AccountId, guest: GuestId) -> Result<(), TellError> {
    match network_delete_unused(&parts.db, parts.host, owner, guest).await? {
        Some(network) => {
            parts.link.network_forget(network);
            remove(parts, network).await;
            Ok(())
        }
        None => Ok(forwards(parts, owner).await?),
    }
}

/// What can't be removed now is found when the agent comes: it stands there and has no row.
async fn remove(parts: &Parts, network: NetworkId) {
    if let Err(error) = parts.link.host.network_remove(network).await {
        tracing::warn!(%network, cause = chain(&error), "a network stays");
    }
}

/// An account went, and its network with it: what stands on the host without a row is removed.
pub async fn removed(parts: &Parts) {
    all(parts).await;
}

/// For ever: whenever the agent comes, it is asked what stands and told which ports lead where.
pub async fn keep(parts: Parts) {
    let mut heard = parts.link.watch();
    let mut told = 0;
    loop {
        let (here, comings) = {
            let heard = heard.borrow_and_update();
            (heard.is_here(), heard.comings)
        };
        if here && comings != told && all(&parts).await {
            told = comings;
        }
        let patience = if here && comings != told { 2 } else { 3600 };
        let changed = tokio::time::timeout(std::time::Duration::from_secs(patience), heard.changed()).await;
        if matches!(changed, Ok(Err(_))) {
            return;
        }
    }
}

/// Whether everything was told; what one network's host side refuses is logged and not asked for ever.
async fn all(parts: &Parts) -> bool {
    let standing = match parts.link.networks_ask().await {
        Ok(standing) => standing,
        Err(error) => {
            tracing::warn!(cause = chain(&error), "networks can't be asked for");
            return !error.is_away();
        }
    };
    let read = async {
        let networks = network_list(&parts.db, parts.host).await?;
        Ok::<_, StoreError>((networks, forward_list(&parts.db, parts.host).await?))
    };
    let (networks, there) = match read.await {
        Ok(read) => read,
        Err(error) => {
            tracing::warn!(cause = chain(&error), "networks can't be read");
            return false;
        }
    };
    for network in standing.into_iter().filter(|id| networks.iter().all(|network| network.id != *id)) {
        parts.link.network_forget(network);
        remove(parts, network).await;
    }
    let mut done = true;
    for network in networks.iter().filter(|network| there.iter().any(|f| f.owner == network.owner)) {
        if let Err(error) = forwards(parts, network.owner).await {
            tracing::warn!(network = %network.id, cause = chain(&error), "its ports are not told");
            done &= !error.is_away();
        }
    }
    parts.events.publish(umbel_app::shown::Topic::Host);
    done
}
