//! The satellite half of the receiver: which fix there is, and how wrong it is.

use crate::noise::GaussMarkov;
use crate::{FixType, ReceiverParams};
use nalgebra::Vector3;
use skidpad_kernel::SimTime;
use std::time::Duration;

/// Age of corrections while the link works, s: they come once a second. \[E\]
const LINK_AGE_S: f64 = 1.0;

/// Correlation time of the multipath of an event, s: 10 to 100 s. \[R\]
const EVENT_MULTIPATH_S: f64 = 20.0;

/// The state machine NONE → SINGLE → PSRDIFF → NARROW_FLOAT → NARROW_INT, and the error of each type.
///
/// The type falls at once to what the conditions allow, and climbs one step after the other, each
/// after its own time. Short of satellites for `quick_refix_s` at most, the receiver takes up the type
/// it had, as the inertial solution still knows the ambiguities.
#[derive(Clone, Debug)]
pub(crate) struct Gnss {
    params: ReceiverParams,
    seed: u64,
    fix: FixType,
    /// When `fix` was reached, or was last the best that was possible.
    since: SimTime,
    /// Conditions differ from the nominal ones, or the best type is not reached.
    busy: bool,
    lost: Option<Lost>,
    ceiling: Option<(FixType, SimTime)>,
    link_down: Option<(SimTime, SimTime)>,
    wrong: Option<(Vector3<f64>, SimTime)>,
    multipath: Option<(GaussMarkov<3>, f64, SimTime)>,
    /// The wrong fix that is in the solution now.
    offset: Vector3<f64>,
    best: Errors,
    coarser: [Option<Errors>; 3],
}

/// An outage of the satellites.
#[derive(Clone, Copy, Debug)]
struct Lost {
    since: SimTime,
    /// When they are back.
    back: SimTime,
    before: FixType,
}

/// The errors of a type: a slow drift and the multipath of open sky.
#[derive(Clone, Debug)]
struct Errors {
    drift: GaussMarkov<3>,
    multipath: GaussMarkov<3>,
    /// 1σ of both, east and north each, and up, m.
    sigma: [f64; 2],
    /// White 1σ of an epoch, horizontal and vertical, m.
    white: [f64; 2],
}

impl Errors {
    fn new(params: &ReceiverParams, seed: u64, name: &str, start: SimTime) -> Self {
        let p = params;
        let per_axis = |horizontal, vertical| [horizontal, horizontal, vertical];
        let drift = per_axis(p.position_drift_horizontal_m, p.position_drift_vertical_m);
        let multipath = per_axis(p.multipath_horizontal_m, p.multipath_vertical_m);
        let process = |part: &str, sigma, correlation_s| {
            GaussMarkov::starting(seed, &format!("gnss.position.{name}{part}"), sigma, correlation_s, start)
        };
        Errors {
            drift: process("drift", drift, p.position_correlation_s),
            multipath: process("multipath", multipath, p.multipath_correlation_s),
            sigma: [libm::hypot(drift[0], multipath[0]), libm::hypot(drift[2], multipath[2])],
            white: [p.position_white_horizontal_m, p.position_white_vertical_m],
        }
    }

    fn at(&mut self, now: SimTime) -> Vector3<f64> {
        let drift = Vector3::from(self.drift.at(now));
        if self.multipath.is_silent() { drift } else { drift + Vector3::from(self.multipath.at(now)) }
    }
}

impl Gnss {
    pub(crate) fn new(params: &ReceiverParams, seed: u64, cold: bool) -> Self {
        let mut gnss = Gnss {
            params: params.clone(),
            seed,
            fix: params.best_fix,
            since: SimTime::ZERO,
            busy: false,
            lost: None,
            ceiling: None,
            link_down: None,
            wrong: None,
            multipath: None,
            offset: Vector3::zeros(),
            best: Errors::new(params, seed, "", SimTime::ZERO),
            coarser: [None, None, None],
        };
        if cold {
            let back = SimTime::ZERO + seconds(params.first_fix_s);
            gnss.lost = Some(Lost { since: SimTime::ZERO, back, before: FixType::None });
            gnss.fix = FixType::None;
            gnss.busy = true;
        }
        gnss
    }

    pub(crate) fn fix(&self) -> FixType {
        self.fix
    }

    /// Loses all satellites from `now` for `duration`; an outage that is already there is prolonged if
    /// that ends later. They are used again `reacquisition_s` after they are back.
    pub(crate) fn lose(&mut self, now: SimTime, duration: Duration) {
        let back = now + duration + seconds(self.params.reacquisition_s);
        match &mut self.lost {
            Some(lost) => lost.back = back.max(lost.back),
            None => self.lost = Some(Lost { since: now, back, before: self.fix }),
        }
        self.fix = FixType::None;
        self.since = now;
        self.busy = true;
    }

    /// Allows no better type than `best` until `until`.
    pub(crate) fn limit(&mut self, best: FixType, until: SimTime) {
        self.ceiling = Some((best, until));
        self.busy = true;
    }

    /// No corrections arrive from `now` until `until`.
    pub(crate) fn cut_link(&mut self, now: SimTime, until: SimTime) {
        self.link_down = match self.link_down {
            Some((since, end)) => Some((since, end.max(until))),
            None => Some((now, until)),
        };
        self.busy = true;
    }

    /// The ambiguities are resolved wrongly until `until`: the position is off by `offset`, m, in axes
    /// of the map, and the receiver does not know.
    pub(crate) fn resolve_wrongly(&mut self, offset: Vector3<f64>, until: SimTime) {
        self.wrong = Some((offset, until));
        self.busy = true;
    }

    /// Reflected signals pull the position by `sigma_m` per axis until `until`.
    pub(crate) fn reflect(&mut self, sigma_m: f64, now: SimTime, until: SimTime) {
        let process = GaussMarkov::starting(
            self.seed,
            "gnss.position.event_multipath",
            [sigma_m; 3],
            EVENT_MULTIPATH_S,
            now,
        );
        self.multipath = Some((process, sigma_m, until));
        self.busy = true;
    }

    /// True if [`Gnss::advance`] may change the error by a step.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy
    }

    /// Moves the state machine to `now`.
    pub(crate) fn advance(&mut self, now: SimTime) {
        if !self.busy {
            return;
        }
        self.forget_the_past(now);
        let goal = self.goal(now);
        if goal < self.fix {
            (self.fix, self.since) = (goal, now);
        }
        if let Some(lost) = self.lost
            && now >= lost.back
        {
            self.lost = None;
            let unseen_s = lost.back.since(lost.since).as_secs_f64() - self.params.reacquisition_s;
            let quick = lost.before > FixType::None && unseen_s <= self.params.quick_refix_s;
            let first = if quick { lost.before } else { FixType::Single };
            (self.fix, self.since) = (first.min(self.goal(now)), now);
        }
        if self.fix == self.goal(now) {
            // The climb starts when better becomes possible.
            self.since = now;
        }
        while self.lost.is_none() && self.fix < self.goal(now) {
            let step_s = match self.fix.better() {
                FixType::PsrDiff => self.params.psr_diff_after_s,
                FixType::NarrowFloat => self.params.float_after_s,
                FixType::NarrowInt => self.params.fixed_after_s,
                FixType::None | FixType::Single => 0.0,
            };
            if now < self.since + seconds(step_s) {
                break;
            }
            self.since += seconds(step_s);
            self.fix = self.fix.better();
        }
        // Only resolved ambiguities can be resolved wrongly.
        self.offset = match self.wrong {
            Some((offset, _)) if self.fix == FixType::NarrowInt => offset,
            _ => Vector3::zeros(),
        };
        self.make_ready(now);
        self.busy = self.lost.is_some()
            || self.ceiling.is_some()
            || self.link_down.is_some()
            || self.wrong.is_some()
            || self.multipath.is_some()
            || self.fix != self.params.best_fix;
    }

    fn forget_the_past(&mut self, now: SimTime) {
        self.ceiling = self.ceiling.filter(|(_, until)| now < *until);
        self.link_down = self.link_down.filter(|(_, until)| now < *until);
        self.wrong = self.wrong.filter(|(_, until)| now < *until);
        if self.multipath.as_ref().is_some_and(|(.., until)| now >= *until) {
            self.multipath = None;
        }
    }

    /// The best type that the conditions allow.
    fn goal(&self, now: SimTime) -> FixType {
        if self.lost.is_some() {
            return FixType::None;
        }
        let age_s = self.correction_age_s(now);
        let by_age = if age_s <= self.params.rtk_timeout_s {
            FixType::NarrowInt
        } else if age_s <= self.params.psr_diff_timeout_s {
            FixType::PsrDiff
        } else {
            FixType::Single
        };
        let ceiling = self.ceiling.map_or(FixType::NarrowInt, |(best, _)| best);
        self.params.best_fix.min(by_age).min(ceiling)
    }

    /// Age of the newest corrections, s, used or not.
    pub(crate) fn correction_age_s(&self, now: SimTime) -> f64 {
        LINK_AGE_S + self.link_down.map_or(0.0, |(since, _)| now.since(since).as_secs_f64())
    }

    /// The processes of a coarser type begin when it is first used.
    fn make_ready(&mut self, now: SimTime) {
        if self.fix == self.params.best_fix || self.fix == FixType::None {
            return;
        }
        let (slot, params, name) = match self.fix {
            FixType::Single => (0, ReceiverParams::single(), "single."),
            FixType::PsrDiff => (1, ReceiverParams::psr_diff(), "psr_diff."),
            _ => (2, ReceiverParams::rtk_float(), "float."),
        };
        if self.coarser[slot].is_none() {
            self.coarser[slot] = Some(Errors::new(&params, self.seed, name, now));
        }
    }

    /// What pseudoranges alone give at `now`: type, error and 1σ of it \[horizontal per axis, vertical\], white 1σ.
    pub(crate) fn pseudorange(&mut self, now: SimTime) -> (FixType, Vector3<f64>, [f64; 2], [f64; 2]) {
        let fix = self.fix.min(FixType::PsrDiff);
        let errors = if fix == self.fix {
            self.errors()
        } else {
            let begin = || Errors::new(&ReceiverParams::psr_diff(), self.seed, "psr_diff.", now);
            self.coarser[1].get_or_insert_with(begin)
        };
        (fix, errors.at(now), errors.sigma, errors.white)
    }

    fn errors(&mut self) -> &mut Errors {
        let slot = match self.fix {
            fix if fix == self.params.best_fix => None,
            FixType::Single => Some(0),
            FixType::PsrDiff => Some(1),
            FixType::NarrowFloat => Some(2),
            FixType::None | FixType::NarrowInt => None,
        };
        match slot.and_then(|slot| self.coarser[slot].as_mut()) {
            Some(errors) => errors,
            None => &mut self.best,
        }
    }

    /// Error of the fix that the inertial solution follows: all but white noise and the multipath of
    /// an event; in axes of the map, m.
    pub(crate) fn error(&mut self, now: SimTime) -> Vector3<f64> {
        let error = self.errors().at(now);
        if self.offset == Vector3::zeros() { error } else { error + self.offset }
    }

    /// Multipath of an event, if there is one.
    pub(crate) fn event_multipath(&mut self, now: SimTime) -> Option<Vector3<f64>> {
        self.multipath.as_mut().map(|(process, ..)| Vector3::from(process.at(now)))
    }

    /// 1σ of [`Gnss::error`] as the receiver believes it: \[horizontal per axis, vertical\], m.
    pub(crate) fn sigma(&mut self) -> [f64; 2] {
        self.errors().sigma
    }

    /// White 1σ of an epoch: \[horizontal per axis, vertical\], m.
    pub(crate) fn white(&mut self) -> [f64; 2] {
        self.errors().white
    }
}

pub(crate) fn seconds(span_s: f64) -> Duration {
    Duration::from_nanos((span_s * 1e9) as u64)
}
