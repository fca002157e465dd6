//! What a start needs of a network: the card on the kernel's command line, and where its launcher finds
//! what the card is plugged into.

use umbel_guest::Attachment;
use umbel_wire::agent::{Refusal, StartOrder};
use umbel_wire::launch::{Card, Driver};

use super::Way;
use super::cable::Cable;
use crate::kernels::Kernel;
use crate::launch::Plug;
use crate::launcher::NetworkNamespace;
use crate::state::State;

/// Plugs the guest's card in, if it has one.
pub fn plug(state: &State, order: &StartOrder, uid: u32, kernel: &Kernel) -> Result<(Option<Card>, Plug), Refusal> {
    let Some(card) = order.card else { return Ok((None, Plug::default())) };
    let features = &kernel.features;
    let driver = if features.vector { Driver::Vector } else { Driver::Legacy };
    if driver == Driver::Legacy && !(features.tuntap && card.attachment == Attachment::Bridge) {
        return Err(Refusal::NotHere { what: format!("the kernel {} has no driver for such a card", order.kernel) });
    }
    let plugged = state.networks.plug(order.guest, uid, card, order.limits.net_mbit, driver)?;
    let plug = match plugged.way {
        Way::Tap { namespace, group } => {
            Plug { network: NetworkNamespace::Of(namespace), group: Some(group), tun: true, ..Plug::default() }
        }
        Way::Switch(Cable { frames, keeper }) => {
            Plug { card: Some(frames), card_control: Some(keeper), ..Plug::default() }
        }
    };
    Ok((Some(plugged.card), plug))
}
