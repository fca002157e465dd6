//! What guests run on, and whom they let in: kernels, networks, keys.

use umbel_client::{Client, Kernel, Key, Network};

use crate::error::Failure;
use crate::output::{Column, Output};

const KERNELS: [Column<Kernel>; 5] = [
    ("KERNEL", |kernel| kernel.id.to_string()),
    ("VERSION", |kernel| kernel.version.clone()),
    ("ORIGIN", |kernel| kernel.origin.clone()),
    ("STATE", |kernel| match (kernel.is_default, kernel.retired) {
        (_, true) => "retired".into(),
        (true, false) => "default".into(),
        (false, false) => "-".into(),
    }),
    ("USED BY", |kernel| kernel.used_by.join(", ")),
];

const NETWORKS: [Column<Network>; 4] = [
    ("OWNER", |network| network.owner_name.clone()),
    ("SUBNET", |network| network.subnet.clone().unwrap_or_else(|| "-".into())),
    ("GUESTS", |network| {
        let names: Vec<String> = network.guests.iter().map(|guest| guest.name.to_string()).collect();
        names.join(", ")
    }),
    ("PORTS", |network| {
        let port = |forward: &umbel_client::Forward| {
            format!("{}→{}:{}", forward.host_port, forward.guest_name, forward.guest_port)
        };
        network.forwards.iter().map(port).collect::<Vec<_>>().join(", ")
    }),
];

const KEYS: [Column<Key>; 3] = [
    ("NAME", |key| key.name.clone()),
    ("KIND", |key| key.kind.clone()),
    ("FINGERPRINT", |key| key.fingerprint.clone()),
];

pub(crate) async fn keys(panel: &Client, output: &Output) -> Result<(), Failure> {
    output.many(&panel.key_list().await?, &KEYS)
}

pub(crate) async fn kernels(panel: &Client, output: &Output) -> Result<(), Failure> {
    output.many(&panel.kernel_list().await?, &KERNELS)
}

pub(crate) async fn networks(panel: &Client, output: &Output) -> Result<(), Failure> {
    output.many(&panel.network_list().await?, &NETWORKS)
}
