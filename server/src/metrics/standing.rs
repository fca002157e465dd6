//! How things stand, looked at when somebody asks. Guests are counted, never named: a series for each of a
//! thousand would cost more than the panel itself.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;
use tokio::time::timeout;
use umbel_app::AppError;
use umbel_app::shown::OperationKind;
use umbel_guest::state::Badge;
use umbel_guest::{Sample, Span};
use umbel_wire::agent::HostFacts;

use crate::panel::Panel;
use crate::store::db::Connections;
use crate::store::guest_pages::guest_count;
use crate::store::operations::{OperationCount, STATES, operation_count};

/// An agent that keeps us waiting is as good as away.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Standing {
    /// States that no guest is in are not here.
    guests: Vec<(Badge, u32)>,
    operations: Vec<OperationCount>,
    connections: Connections,
    console_readers: usize,
    connections_open: usize,
    is_agent_here: bool,
    /// `None` while the agent is away: a value of before would look like one of now.
    host: Option<HostFacts>,
    /// Of all guests together.
    all: Option<Sample>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operation {
    kind: &'static str,
    state: &'static str,
}

impl Standing {
    pub(super) async fn look(panel: &Panel) -> Result<Self, AppError> {
        let link = &panel.guests.parts.link;
        let is_agent_here = link.heard().is_here();
        let asked = async { tokio::join!(link.host.facts(), link.host.metrics(None, Span::Hour)) };
        let (host, series) = match is_agent_here {
            true => timeout(PATIENCE, asked).await.map_or((None, None), |(facts, series)| (facts.ok(), series.ok())),
            false => (None, None),
        };
        Ok(Self {
            guests: guest_count(&panel.store, None).await?,
            operations: operation_count(&panel.store).await?,
            connections: panel.store.connections(),
            console_readers: panel.consoles.readers(),
            connections_open: panel.connections.opened(),
            is_agent_here,
            host,
            all: series.and_then(|series| series.samples.last().copied().flatten()),
        })
    }

    pub(super) fn register(self, to: &mut Registry) {
        let guests = Family::<State, Gauge>::default();
        for badge in Badge::ALL {
            let found = self.guests.iter().find(|(state, _)| *state == badge);
            let gauge = guests.get_or_create(&State { state: badge.name() });
            gauge.set(found.map_or(0, |(_, number)| i64::from(*number)));
        }
        to.register("guests", "Guests, by what a page calls their state", guests);

        let operations = Family::<Operation, Gauge>::default();
        for kind in OperationKind::ALL {
            for state in STATES {
                let found = self.operations.iter().find(|count| count.kind == kind && count.state == state);
                let gauge = operations.get_or_create(&Operation { kind: kind.word(), state });
                gauge.set(found.map_or(0, |count| count.number));
            }
        }
        to.register("operations", "Operations that are remembered", operations);

        let Connections { open, idle, most } = self.connections;
        gauge(to, "database_connections_open", "Connections to the database", i64::from(open));
        gauge(to, "database_connections_idle", "Of these, at rest", number(idle));
        gauge(to, "database_connections_most", "As many as may be open", i64::from(most));
        gauge(to, "console_readers", "Readers of consoles", number(self.console_readers));
        gauge(
            to,
            "connections_open",
            "WebSockets of pages and consoles, and streams of events",
            number(self.connections_open),
        );
        gauge(to, "agent_up", "Whether the agent answers", i64::from(self.is_agent_here));
        if let Some(host) = self.host {
            let mib = |mib: u64| i64::try_from(mib << 20).unwrap_or(i64::MAX);
            gauge(to, "host_cores", "Processors of the host", i64::from(host.cores));
            gauge(to, "host_memory_total_bytes", "Memory of the host", mib(host.memory_total_mib.into()));
            gauge(to, "host_memory_available_bytes", "Of it, still to be had", mib(host.memory_available_mib.into()));
            gauge(to, "host_disk_total_bytes", "The file system of the data directory", mib(host.disk_total_mib));
            gauge(to, "host_disk_free_bytes", "Of it, free", mib(host.disk_free_mib));
        }
        if let Some(all) = self.all {
            let kib = |kib: u32| i64::from(kib) << 10;
            let cores = ConstGauge::new(f64::from(all.cpu_permille) / 1000.0);
            to.register("guests_cpu_cores", "Processors that all guests together use", cores);
            gauge(to, "guests_memory_bytes", "Memory that all guests together have touched", kib(all.memory_kib));
            gauge(to, "guests_processes", "Processes of the host that all guests are", i64::from(all.processes));
            for (name, help, value) in [
                ("guests_network_in_bytes_per_second", "Into all guests", all.net_in_kib_s),
                ("guests_network_out_bytes_per_second", "Out of all guests", all.net_out_kib_s),
                ("guests_disk_read_bytes_per_second", "Read by all guests", all.disk_read_kib_s),
                ("guests_disk_write_bytes_per_second", "Written by all guests", all.disk_write_kib_s),
            ] {
                gauge(to, name, help, kib(value));
            }
        }
    }
}

fn gauge(to: &mut Registry, name: &str, help: &str, value: i64) {
    to.register(name, help, ConstGauge::new(value));
}

fn number(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
