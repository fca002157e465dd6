//! Figures, their medians, and how they are shown.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::Failure;
use crate::machine;

/// What was measured, and what was promised of it.
#[derive(Debug)]
struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    promise: Option<Promise>,
}

/// A bound on a figure.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Promise {
    AtMost(f64),
    AtLeast(f64),
}

impl Promise {
    fn is_kept(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }

    fn words(self) -> String {
        match self {
            Self::AtMost(most) => format!("at most {most}"),
            Self::AtLeast(least) => format!("at least {least}"),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Report {
    figures: Vec<Figure>,
}

impl Report {
    pub(crate) fn add(&mut self, name: &str, value: f64, unit: &'static str) {
        self.figures.push(Figure { name: name.to_owned(), value, unit, promise: None });
    }

    pub(crate) fn promised(&mut self, name: &str, value: f64, unit: &'static str, promise: Promise) {
        self.figures.push(Figure { name: name.to_owned(), value, unit, promise: Some(promise) });
    }

    pub(crate) fn print(&self) {
        println!("{}", machine::words());
        let width = self.figures.iter().map(|f| f.name.chars().count()).max().unwrap_or_default();
        for figure in &self.figures {
            let promise = figure.promise.map_or(String::new(), |promise| {
                let kept = if promise.is_kept(figure.value) { "kept" } else { "NOT KEPT" };
                format!("   {}: {kept}", promise.words())
            });
            println!("{:width$}  {:>12.2} {:<8}{promise}", figure.name, figure.value, figure.unit);
        }
    }

    /// To a file, or after the table.
    pub(crate) fn write(&self, file: Option<&Path>) -> Result<(), Failure> {
        let json = self.json();
        match file {
            Some(file) => Ok(std::fs::write(file, format!("{json:#}\n"))?),
            None => {
                println!("{json}");
                Ok(())
            }
        }
    }

    fn json(&self) -> Value {
        let figures: Vec<Value> = self
            .figures
            .iter()
            .map(|f| {
                json!({
                    "name": f.name,
                    "value": f.value,
                    "unit": f.unit,
                    "promise": f.promise.map(Promise::words),
                    "kept": f.promise.map(|promise| promise.is_kept(f.value)),
                })
            })
            .collect();
        json!({ "machine": machine::words(), "figures": figures })
    }
}

/// Sorted samples.
#[derive(Clone, Debug)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn new(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        Self(samples)
    }

    pub(crate) fn ms(times: &[Duration]) -> Self {
        Self::new(times.iter().map(|t| t.as_secs_f64() * 1e3).collect())
    }

    /// The smallest sample that `share` of all are not above (nearest rank); 0 where there are none.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "ranks of a few thousand samples"
    )]
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let rank = (self.0.len() as f64 * share).ceil() as usize;
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    /// Between the two in the middle where their number is even.
    pub(crate) fn median(&self) -> f64 {
        let half = self.0.len() / 2;
        match self.0.len() {
            0 => 0.0,
            n if n.is_multiple_of(2) => f64::midpoint(self.0[half - 1], self.0[half]),
            _ => self.0[half],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_samples() {
        let samples = Samples::new((1..=100).rev().map(f64::from).collect());
        assert_eq!([samples.quantile(0.5), samples.quantile(0.99), samples.quantile(1.0)], [50.0, 99.0, 100.0]);
        assert_eq!(samples.median(), 50.5);
        assert_eq!(Samples::new(vec![3.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(Samples::new(Vec::new()).median(), 0.0);
    }

    #[test]
    fn promises_are_bounds() {
        assert!(Promise::AtMost(2.0).is_kept(2.0) && !Promise::AtMost(2.0).is_kept(2.1));
        assert!(Promise::AtLeast(0.5).is_kept(0.6) && !Promise::AtLeast(0.5).is_kept(0.4));
    }
}
