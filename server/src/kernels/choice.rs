//! Which kernel a guest may be given, and what may be asked of it: pure, for the form and for the check.

use umbel_app::shown::{Choice, KernelChoice};
use umbel_guest::{Attachment, Clock, FieldError, FieldErrors, GuestSpec, KernelId, KernelMode};
use umbel_wire::agent::{KernelFacts, Profile};

use crate::networks;

/// What a choice depends on.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    pub kernels: &'a [KernelFacts],
    pub retired: &'a [KernelId],
    /// Whether the one who asks may have another than the default.
    pub may_choose: bool,
    pub profile: Profile,
}

const ONLY_DEFAULT: &str = "Only administrators choose kernels here; yours is the default.";

impl Offer<'_> {
    pub fn default_kernel(&self) -> Option<&KernelFacts> {
        let offered = || self.kernels.iter().filter(|kernel| !self.retired.contains(&kernel.id));
        offered().find(|kernel| kernel.is_default).or_else(|| offered().next())
    }

    /// Why this kernel can't be given to a guest that doesn't have it.
    fn refused(&self, kernel: &KernelFacts) -> Option<String> {
        if self.retired.contains(&kernel.id) {
            return Some(format!("The kernel {} is retired. Choose another.", kernel.id));
        }
        let is_default = self.default_kernel().is_some_and(|default| default.id == kernel.id);
        (!self.may_choose && !is_default).then(|| ONLY_DEFAULT.to_owned())
    }

    /// Every field that asks for what can't be had. `had` is the kernel that the guest has already and
    /// may keep.
    pub fn check(&self, spec: &GuestSpec, had: Option<&KernelId>) -> Result<(), FieldErrors> {
        let mut wrong = FieldErrors::default();
        match self.kernels.iter().find(|kernel| kernel.id == spec.kernel) {
            Some(kernel) => {
                if let Some(why) = self.refused(kernel).filter(|_| had != Some(&kernel.id)) {
                    wrong.0.push(FieldError::new("kernel", why));
                }
                wrong.take_all(kernel.features.check(spec.mode, spec.clock, spec.network));
            }
            None => wrong.0.push(FieldError::new("kernel", format!("There is no kernel {}.", spec.kernel))),
        }
        if let Some(why) = networks::refused(spec.network, self.profile)
            && wrong.of("network").next().is_none()
        {
            wrong.0.push(FieldError::new("network", why));
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// What a form offers: the default first, retired ones not at all.
    pub fn choices(&self) -> Vec<KernelChoice> {
        let default = self.default_kernel().map(|kernel| kernel.id.clone());
        let offered = self.kernels.iter().filter(|kernel| !self.retired.contains(&kernel.id));
        let mut choices: Vec<KernelChoice> = offered.map(|kernel| self.choice(kernel, default.as_ref())).collect();
        choices.sort_by_key(|choice| (!choice.is_default, choice.refused.is_some()));
        choices
    }

    fn choice(&self, kernel: &KernelFacts, default: Option<&KernelId>) -> KernelChoice {
        let features = &kernel.features;
        // Each alone, beside what every kernel has.
        let why = |mode, clock, network, field: &str| {
            features.check(mode, clock, network).err().and_then(|wrong| wrong.of(field).next().map(str::to_owned))
        };
        let (mode, clock, network) = (KernelMode::Strict, Clock::Real, Attachment::None);
        let modes = KernelMode::ALL.iter().map(|&value| (value, why(value, clock, network, "mode")));
        let clocks = Clock::ALL.iter().map(|&value| (value, why(mode, value, network, "clock")));
        let networks = Attachment::ALL.iter().map(|&value| {
            let host = networks::refused(value, self.profile).map(str::to_owned);
            (value, host.or_else(|| why(mode, clock, value, "network")))
        });
        KernelChoice {
            id: kernel.id.clone(),
            version: kernel.version.clone(),
            origin: kernel.origin.words().into(),
            is_default: default == Some(&kernel.id),
            refused: self.refused(kernel),
            features: features.clone(),
            modes: modes.map(|(value, refused)| Choice { value, refused }).collect(),
            clocks: clocks.map(|(value, refused)| Choice { value, refused }).collect(),
            networks: networks.map(|(value, refused)| Choice { value, refused }).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use umbel_guest::GuestDraft;

    use super::*;
    use crate::host::simulated::debian;

    fn kernel(id: &str, is_default: bool) -> KernelFacts {
        KernelFacts { id: id.parse().expect("a slug"), is_default, ..debian() }
    }

    fn spec(kernel: &str, network: Attachment) -> GuestSpec {
        let draft = GuestDraft {
            name: "web".into(),
            image: "tiny-5".into(),
            kernel: kernel.into(),
            memory_mib: 64,
            disk_mib: 64,
            network,
            ..GuestDraft::default()
        };
        GuestSpec::check(&draft).expect("sensible")
    }

    fn fields(checked: Result<(), FieldErrors>) -> Vec<String> {
        checked.err().map(|wrong| wrong.0.into_iter().map(|e| e.field).collect()).unwrap_or_default()
    }

    #[test]
    fn who_may_not_choose_has_the_default_and_keeps_what_they_have() {
        let kernels = [kernel("old", false), kernel("tuned", true)];
        let offer = Offer { kernels: &kernels, retired: &[], may_choose: false, profile: Profile::Hosting };
        assert_eq!(offer.choices()[0].id, kernels[1].id, "the default comes first");
        assert_eq!(offer.choices()[1].refused.as_deref(), Some(ONLY_DEFAULT));
        assert_eq!(fields(offer.check(&spec("tuned", Attachment::None), None)), Vec::<String>::new());
        assert_eq!(fields(offer.check(&spec("old", Attachment::None), None)), ["kernel"]);
        assert_eq!(fields(offer.check(&spec("old", Attachment::None), Some(&kernels[0].id))), Vec::<String>::new());
    }

    #[test]
    fn a_retired_kernel_is_not_offered_and_not_the_default() {
        let kernels = [kernel("old", false), kernel("tuned", true)];
        let retired = [kernels[1].id.clone()];
        let offer = Offer { kernels: &kernels, retired: &retired, may_choose: true, profile: Profile::Hosting };
        assert_eq!(offer.choices().iter().map(|c| c.id.as_str().to_owned()).collect::<Vec<_>>(), ["old"]);
        assert_eq!(fields(offer.check(&spec("tuned", Attachment::None), None)), ["kernel"]);
        assert_eq!(fields(offer.check(&spec("none", Attachment::None), None)), ["kernel"]);
    }

    #[test]
    fn what_kernel_or_host_can_not_is_refused_where_it_is_chosen() {
        let mut old = kernel("old", true);
        old.features.vector = false;
        let kernels = [old];
        let offer = Offer { kernels: &kernels, retired: &[], may_choose: true, profile: Profile::Personal };
        let choice = &offer.choices()[0];
        let refused = |value| choice.networks.iter().find(|c| c.value == value).and_then(|c| c.refused.clone());
        assert_eq!(refused(Attachment::None), None);
        assert!(refused(Attachment::Switch).is_some_and(|why| why.contains("driver")));
        assert!(refused(Attachment::Bridge).is_some_and(|why| why.contains("root")));
        assert_eq!(fields(offer.check(&spec("old", Attachment::Bridge), None)), ["network"], "once");
    }
}
