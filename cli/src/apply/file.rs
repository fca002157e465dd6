//! What is wanted, as a person writes it down.

use std::collections::BTreeMap;

use serde::Deserialize;
use umbel_client::GuestChange;
use umbel_guest::{Attachment, Clock, GuestRight, KernelMode, Limits, RestartPolicy};

/// The file: `guests:`, one after the other. Fields have the names of the API.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) guests: Vec<Wish>,
}

/// What is not said is left as it is; of a new guest, it is as the page suggests it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    pub(crate) name: String,
    /// Of a group that one manages; one's own unless it is said.
    pub(crate) group: Option<String>,
    #[serde(default)]
    pub(crate) state: Option<State>,
    /// Both for a new guest only: they can't be changed.
    pub(crate) image: Option<String>,
    pub(crate) disk_mib: Option<u32>,
    pub(crate) note: Option<String>,
    pub(crate) kernel: Option<String>,
    pub(crate) memory_mib: Option<u32>,
    pub(crate) restart_policy: Option<RestartPolicy>,
    pub(crate) autostart: Option<bool>,
    pub(crate) mode: Option<KernelMode>,
    pub(crate) clock: Option<Clock>,
    pub(crate) network: Option<Attachment>,
    pub(crate) limits: Option<Limits>,
    /// With whom it is shared, and their rights: exactly these.
    pub(crate) shares: Option<BTreeMap<String, Vec<GuestRight>>>,
}

impl Wish {
    /// Of a guest that isn't there yet, all that could be changed later.
    pub(crate) fn said(&self) -> GuestChange {
        GuestChange {
            name: Some(self.name.clone()),
            note: self.note.clone(),
            kernel: self.kernel.clone(),
            memory_mib: self.memory_mib,
            restart_policy: self.restart_policy,
            autostart: self.autostart,
            mode: self.mode,
            clock: self.clock,
            network: self.network,
            limits: self.limits,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Running,
    Stopped,
    /// Deleted, which is undoable for a while.
    Absent,
}

impl File {
    /// Out of YAML, of which JSON is a part.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let file: Self = serde_yaml_ng::from_str(text).map_err(|error| error.to_string())?;
        let mut names: Vec<_> = file.guests.iter().map(|guest| (&guest.group, guest.name.as_str())).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("guests: {:?} is named twice", pair[0].1)),
            None => Ok(file),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |text| File::read(text).expect_err("it is wrong");
        assert!(wrong("guests: [{name: web, ram: 64}]").contains("`ram`"));
        assert!(wrong("guests: [{name: web, state: asleep}]").contains("asleep"));
        assert!(wrong("guests: [{name: web}, {name: web}]").contains("\"web\" is named twice"));
        assert!(wrong("guests: [{memory_mib: 64}]").contains("name"));
        assert!(File::read("guests: [{name: web}, {name: web, group: Team}]").is_ok(), "of two owners");
    }

    #[test]
    fn only_what_is_said_is_wanted() {
        let file = File::read("guests:\n- name: web\n  memory_mib: 64\n  shares: {berta: [power]}\n").expect("a file");
        let shares = BTreeMap::from([("berta".to_owned(), vec![GuestRight::Power])]);
        let web = Wish { name: "web".into(), memory_mib: Some(64), shares: Some(shares), ..Wish::default() };
        assert_eq!(file.guests, [web]);
    }
}
