//! Limits of the host that many guests would meet, as anybody may read them below /proc/sys, and programs that ways to
//! make an image need: what each is, whether it is high enough or there, and what to do if not. Pure but for the reading.

use std::collections::HashMap;
use std::path::Path;

use umbel_app::shown::{CheckShown, CheckState};
use umbel_recipe::Kind;

/// A limit: its name as sysctl(8) spells it, the least that a thousand guests need, and what for.
struct Limit {
    name: &'static str,
    least: u64,
    what: &'static str,
}

const LIMITS: &[Limit] = &[
    // Each page that a guest's program maps is a mapping of its host process.
    Limit {
        name: "vm.max_map_count",
        least: 262_144,
        what: "mappings of one process; a guest with much memory has many",
    },
    Limit { name: "kernel.pid_max", least: 131_072, what: "processes and threads; each program of a guest is one" },
    Limit { name: "kernel.threads-max", least: 65_536, what: "threads of the whole host" },
    Limit { name: "kernel.pty.max", least: 2_048, what: "terminals; a guest's console is one" },
    Limit { name: "fs.file-max", least: 262_144, what: "open files of the whole host" },
    Limit { name: "fs.nr_open", least: 65_536, what: "open files of one process, the agent's most of all" },
    Limit { name: "net.ipv4.neigh.default.gc_thresh3", least: 4_096, what: "neighbours; a guest on a bridge is one" },
];

/// A program of the host, the Debian package that has it, and what can't be done without it.
type Program = (&'static str, &'static str, &'static str);

fn programs() -> [Program; 6] {
    let [debian, arch] = [Kind::Debian, Kind::Arch].map(Kind::tool);
    [
        (debian.0, debian.1, "images are built of recipes for a Debian"),
        (arch.0, arch.1, "images are built of recipes for an Arch"),
        ("/usr/bin/qemu-img", "qemu-utils", "disks in the format qcow2 become images"),
        ("/usr/bin/xz", "xz-utils", "what is packed with xz becomes an image"),
        ("/usr/bin/zstd", "zstd", "archives become images"),
        ("/usr/bin/jq", "jq", "archives become images, those of containers too"),
    ]
}

/// A line for each program; agent and panel see the same host.
pub(super) fn tools(is_there: impl Fn(&Path) -> bool) -> Vec<CheckShown> {
    let of = |(path, package, what): Program| {
        let fix = || format!("apt-get install {package}");
        let state = if is_there(Path::new(path)) { CheckState::There } else { CheckState::Missing { fix: fix() } };
        CheckShown { name: path.to_owned(), state, detail: format!("with it {what}") }
    };
    programs().map(of).into()
}

/// What the machine says, by name; what it doesn't know is not there.
pub(super) fn read() -> HashMap<String, String> {
    let of = |limit: &Limit| {
        let path = Path::new("/proc/sys").join(limit.name.replace('.', "/"));
        Some((limit.name.to_owned(), std::fs::read_to_string(path).ok()?.trim().to_owned()))
    };
    LIMITS.iter().filter_map(of).collect()
}

/// Whether the books of quotas fit, as one more line.
pub(super) fn reservations(wrong: &[String]) -> CheckShown {
    let (state, detail) = match wrong.first() {
        None => (CheckState::Right, "every sum is what the guests that are there hold".to_owned()),
        Some(first) => {
            // The panel writes them anew when it starts.
            let fix = "systemctl restart umbel".to_owned();
            (CheckState::Wrong { fix }, format!("{} sums are not what is there: {first}", wrong.len()))
        }
    };
    CheckShown { name: "quotas".to_owned(), state, detail }
}

pub(super) fn checks(values: &HashMap<String, String>) -> Vec<CheckShown> {
    let of = |limit: &Limit| {
        let Limit { name, least, what } = limit;
        // Some are as large as a number gets, and then some.
        let value = values.get(*name)?.parse::<u64>().unwrap_or(u64::MAX);
        let (state, enough) = match value >= *least {
            true => (CheckState::Enough, "enough"),
            false => (CheckState::TooLow { fix: format!("sysctl -w {name}={least}") }, "too few for a thousand guests"),
        };
        let value = if value >= i64::MAX as u64 { "no limit".to_owned() } else { value.to_string() };
        Some(CheckShown { name: (*name).to_owned(), state, detail: format!("{value}: {what}; {enough}") })
    };
    LIMITS.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn books_that_do_not_fit_are_a_line_with_a_fix() {
        assert_eq!(reservations(&[]).state, CheckState::Right);
        let wrong = reservations(&["memory of guest x: 0 reserved, 64 held".into()]);
        assert!(matches!(wrong.state, CheckState::Wrong { .. }) && wrong.detail.contains("64 held"), "{wrong:?}");
    }

    #[test]
    fn a_program_that_is_missing_says_what_installs_it() {
        let tools = tools(|path| !path.ends_with("mmdebstrap"));
        assert_eq!(tools[0].state, CheckState::Missing { fix: "apt-get install mmdebstrap".into() });
        assert!(tools[1..].iter().all(|tool| tool.state == CheckState::There), "{tools:?}");
    }

    #[test]
    fn a_limit_that_is_too_low_says_how_to_raise_it() {
        let values = [("kernel.pid_max", "32768"), ("fs.file-max", "9223372036854775807"), ("kernel.pty.max", "4096")];
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let checks = checks(&values);
        let of = |name: &str| checks.iter().find(|check| check.name == name);
        let low = CheckState::TooLow { fix: "sysctl -w kernel.pid_max=131072".into() };
        assert_eq!(of("kernel.pid_max").map(|c| &c.state), Some(&low));
        assert!(of("fs.file-max").is_some_and(|c| c.detail.starts_with("no limit")));
        assert_eq!(of("kernel.pty.max").map(|c| &c.state), Some(&CheckState::Enough));
        assert_eq!(of("vm.max_map_count"), None, "what a machine doesn't say is not judged");
    }
}
