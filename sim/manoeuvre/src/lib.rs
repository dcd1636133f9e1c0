//! Standard vehicle-dynamics manoeuvres on the vehicle model alone, and the figures accepted for a sedan.
//!
//! [`validate`] drives the car on level, dry ground as a proving ground would (steady circles of ISO 4138,
//! step steer and frequency response of ISO 7401, the obstacle avoidance of ISO 3888-2, the sine with dwell of
//! FMVSS 126, straight-line braking, acceleration and coast-down, a post rig for the ride) and holds each
//! figure against its accepted range. Nothing here reads files or clocks: equal parameters give equal
//! figures.
//!
//! The steering wheel is moved by a steering robot, as the standards demand: dead time and rate limit of the
//! by-wire servo are no part of these figures. Driver aids are switched off, for the figures are the car's own;
//! the sine with dwell, which tests the stability control, is driven with them and without. The car is mirror-symmetric, so one turning direction stands
//! for both.

mod car;
mod circle;
mod frequency;
mod lane_change;
mod ranges;
mod ride;
mod signal;
mod sine_with_dwell;
mod step_steer;
mod straight;

use car::Subject;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use skidpad_vehicle::VehicleParams;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// One figure of a manoeuvre beside the range accepted for it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// Stable identifier, snake case with the unit as suffix.
    pub key: &'static str,
    /// The manoeuvre it comes from.
    pub manoeuvre: &'static str,
    /// What it is called.
    pub name: &'static str,
    /// What was measured; NaN (`null` in JSON) if the car could not do the manoeuvre.
    pub value: f64,
    /// Unit of value and range; empty for a ratio.
    pub unit: &'static str,
    /// Smallest accepted value, if there is one.
    pub low: Option<f64>,
    /// Largest accepted value, if there is one.
    pub high: Option<f64>,
    /// Where the range comes from: `[P]` published, `[C]` read in code or configuration of others, `[M]`
    /// measured on the car, `[N]` closed form, `[R]` recalled from textbooks and not verified.
    pub source: Cow<'static, str>,
    /// Shown, but no ground for failing the car.
    pub informative: bool,
    /// The value lies in the range.
    pub passed: bool,
}

/// What is accepted for a figure of one car, in place of the range of its class: measured on this very car or
/// published of it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnRange {
    /// Smallest accepted value, in the figure's unit; without it, there is none.
    pub low: Option<f64>,
    /// Largest accepted value; without it, there is none.
    pub high: Option<f64>,
    /// Where the range comes from, with the marks of [`Figure::source`].
    #[schemars(length(min = 1, max = 200))]
    pub source: String,
}

/// The own ranges of a car by the [`Figure::key`] of what they are for.
pub type OwnRanges = BTreeMap<String, OwnRange>;

/// The keys of all figures, in the order of the table.
pub fn figure_keys() -> impl Iterator<Item = &'static str> + Clone {
    ranges::keys()
}

/// How a series of a plot is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// The car.
    Line,
    /// A reference beside it: a fitted line, a limit, the input.
    Dashed,
    /// Single points: measured frequencies, cones.
    Dots,
}

/// One curve of a plot.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Series {
    /// What it shows; empty for no entry in the legend.
    pub name: String,
    /// How it is drawn.
    pub style: Style,
    /// Points (x, y) in the units of the axes.
    pub points: Vec<[f64; 2]>,
}

/// A diagram of a manoeuvre.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plot {
    /// The manoeuvre it belongs to, as in [`Figure::manoeuvre`].
    pub manoeuvre: &'static str,
    /// What it shows.
    pub title: String,
    /// Quantity and unit of the horizontal axis.
    pub x_label: &'static str,
    /// Quantity and unit of the vertical axis.
    pub y_label: &'static str,
    /// The horizontal axis is logarithmic.
    pub log_x: bool,
    /// The curves, in the order of the legend.
    pub series: Vec<Series>,
}

/// What came out of all manoeuvres.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Validation {
    /// The figures, grouped by manoeuvre.
    pub figures: Vec<Figure>,
    /// Diagrams, in the order of the manoeuvres.
    pub plots: Vec<Plot>,
}

impl Validation {
    /// Every figure that counts lies in its range.
    pub fn passed(&self) -> bool {
        self.figures.iter().all(|figure| figure.passed || figure.informative)
    }
}

/// Performs all manoeuvres with the car of `params`, which must have passed [`VehicleParams::validate`]. A figure
/// with a range in `own` is held against that one, and counts.
pub fn validate(params: &VehicleParams, own: &OwnRanges) -> Validation {
    let subject = Subject::new(params);
    let mut found = Findings::default();
    let handling = circle::run(&subject, &mut found);
    step_steer::run(&subject, &handling, &mut found);
    frequency::run(&subject, &handling, &mut found);
    lane_change::run(&subject, &mut found);
    sine_with_dwell::run(&subject, &Subject::as_driven(params), &handling, &mut found);
    straight::run(&subject, &mut found);
    ride::run(&subject, &mut found);
    let figures = ranges::judge(&found.values, own, params.stability.esc);
    Validation { figures, plots: found.plots }
}

/// What the manoeuvres have found so far.
#[derive(Default)]
struct Findings {
    values: Vec<(&'static str, f64)>,
    plots: Vec<Plot>,
}

impl Findings {
    fn value(&mut self, key: &'static str, value: f64) {
        self.values.push((key, value));
    }
}

/// Most points of a curve: more cannot be told apart on a page.
const MOST_POINTS: usize = 500;

/// A curve through points, thinned for the page.
fn series(name: impl Into<String>, style: Style, points: impl Iterator<Item = (f64, f64)>) -> Series {
    let all: Vec<[f64; 2]> = points.map(|(x, y)| [x, y]).collect();
    let stride = all.len().div_ceil(MOST_POINTS).max(1);
    let last = all.len().saturating_sub(1);
    let points = all.iter().enumerate().filter(|(i, _)| i % stride == 0 || *i == last).map(|(_, p)| *p);
    Series { name: name.into(), style, points: points.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thinned_curve_keeps_its_ends() {
        let curve = series("", Style::Line, (0..12_345).map(|i| (f64::from(i), 0.0)));
        assert!(curve.points.len() <= MOST_POINTS + 1);
        assert_eq!((curve.points[0][0], curve.points.last().unwrap()[0]), (0.0, 12_344.0));
    }
}
