//! The person in the car who engages the stack: foot on the brake, RESET, START.
//!
//! With seats of the stack outside the operator is patient, since processes start slowly and in any order: RESET is
//! pressed until control has passed it on and the car is in manual, START until it is in auto, and after five of
//! them all begins anew.

use skidpad_kernel::SimTime;
use skidpad_msgs::apollo::canbus::chassis::DrivingMode;
use skidpad_msgs::apollo::control::DrivingAction;
use std::time::Duration;

/// Looks at the dashboard for so long before pressing RESET.
const SETTLE: Duration = Duration::from_millis(100);
/// From RESET to the foot leaving the brake.
const AFTER_RESET: Duration = Duration::from_millis(60);
/// From the foot leaving the brake to START: the by-wire units refuse to enable under a pressed pedal.
const AFTER_RELEASE: Duration = Duration::from_millis(40);
/// START is pressed again after so long without success, as Apollo's HMI does.
const RETRY: Duration = Duration::from_millis(500);
/// Presses of START before the operator gives up, as Apollo's HMI does.
const TRIES: u32 = 5;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// Presses nothing.
    Away,
    /// Waits until every module publishes.
    Watching { ready_since: Option<SimTime> },
    /// Has pressed RESET.
    Reset { at: SimTime },
    /// Has taken the foot off the brake.
    Released { at: SimTime },
    /// Has pressed START.
    Started { at: SimTime, tries: u32 },
    /// The stack drives.
    Engaged,
    /// START did not work.
    GaveUp,
}

/// The operator. Presses nothing on its own after the stack has been engaged once.
#[derive(Clone, Debug)]
pub(crate) struct Operator {
    phase: Phase,
    needs_trajectory: bool,
    pose: bool,
    chassis: bool,
    trajectory: bool,
    /// What the patient one sees of the stack outside.
    patience: Option<Patience>,
}

/// What the operator knows of a stack outside.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Patience {
    /// Every external seat speaks.
    pub(crate) all_speak: bool,
    /// Control has passed the last RESET on, or is inside.
    pub(crate) reset_passed_on: bool,
}

impl Operator {
    /// One who engages the stack (`engage`) or never touches it; with planning in place, only once it plans.
    pub(crate) fn new(engage: bool, needs_trajectory: bool) -> Self {
        let phase = if engage { Phase::Watching { ready_since: None } } else { Phase::Away };
        Operator { phase, needs_trajectory, pose: false, chassis: false, trajectory: false, patience: None }
    }

    /// Becomes patient, or learns the news of the stack outside.
    pub(crate) fn is_told(&mut self, news: Patience) {
        self.patience = Some(news);
    }

    /// What the operator has come to, for who wonders why nothing moves.
    pub(crate) fn words(&self) -> &'static str {
        match self.phase {
            Phase::Away => "nobody presses START",
            Phase::Watching { .. } if !self.pose => "no pose has come to the operator",
            Phase::Watching { .. } if !self.chassis => "no chassis has come to the operator",
            Phase::Watching { .. } if self.needs_trajectory && !self.trajectory => {
                "no trajectory has come to the operator"
            }
            Phase::Watching { .. } => "the operator is about to press RESET",
            Phase::Reset { .. } if self.patience.is_some_and(|news| !news.reset_passed_on) => {
                "the operator presses RESET on /apollo/control/pad, and no command carries it on in its pad_msg"
            }
            Phase::Reset { .. } => {
                "the operator has pressed RESET, and the chassis does not show COMPLETE_MANUAL"
            }
            Phase::Released { .. } | Phase::Started { .. } => {
                "the operator has pressed START, and the car does not go into auto"
            }
            Phase::Engaged => "the stack drives",
            Phase::GaveUp => "START did not work",
        }
    }

    pub(crate) fn sees_pose(&mut self) {
        self.pose = true;
    }

    pub(crate) fn sees_chassis(&mut self) {
        self.chassis = true;
    }

    pub(crate) fn sees_trajectory(&mut self) {
        self.trajectory = true;
    }

    /// True while the foot is on the brake.
    pub(crate) fn foot_on_brake(&self) -> bool {
        matches!(self.phase, Phase::Watching { .. } | Phase::Reset { .. } | Phase::GaveUp)
    }

    /// True once START has failed for good.
    pub(crate) fn gave_up(&self) -> bool {
        self.phase == Phase::GaveUp
    }

    /// What the operator presses now, if anything.
    pub(crate) fn act(&mut self, now: SimTime, mode: DrivingMode) -> Option<DrivingAction> {
        let (next, action) = match self.phase {
            Phase::Away | Phase::Engaged | Phase::GaveUp => return None,
            Phase::Watching { ready_since } => {
                let all_speak = self.patience.is_none_or(|news| news.all_speak);
                let ready =
                    all_speak && self.pose && self.chassis && (self.trajectory || !self.needs_trajectory);
                match ready_since {
                    None if ready => (Phase::Watching { ready_since: Some(now) }, None),
                    Some(since) if now >= since + SETTLE => {
                        (Phase::Reset { at: now }, Some(DrivingAction::Reset))
                    }
                    _ => return None,
                }
            }
            Phase::Reset { at } if self.patience.is_some_and(|news| !is_reset(news, mode)) => {
                if now < at + RETRY {
                    return None;
                }
                (Phase::Reset { at: now }, Some(DrivingAction::Reset))
            }
            Phase::Reset { at } if now >= at + AFTER_RESET => (Phase::Released { at: now }, None),
            Phase::Released { at } if now >= at + AFTER_RELEASE => {
                (Phase::Started { at: now, tries: 1 }, Some(DrivingAction::Start))
            }
            Phase::Started { .. } if mode == DrivingMode::CompleteAutoDrive => (Phase::Engaged, None),
            Phase::Started { .. } if self.patience.is_some() && mode == DrivingMode::EmergencyMode => {
                (Phase::Watching { ready_since: None }, None)
            }
            Phase::Started { at, tries } if now >= at + RETRY => {
                if tries == TRIES && self.patience.is_some() {
                    (Phase::Watching { ready_since: None }, None)
                } else if tries < TRIES {
                    (Phase::Started { at: now, tries: tries + 1 }, Some(DrivingAction::Start))
                } else {
                    (Phase::GaveUp, None)
                }
            }
            _ => return None,
        };
        self.phase = next;
        action
    }
}

/// RESET has worked: the emergency stop of control is cleared and the car is in manual.
fn is_reset(news: Patience, mode: DrivingMode) -> bool {
    news.reset_passed_on && mode == DrivingMode::CompleteManual
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presses(
        operator: &mut Operator,
        mode_at: impl Fn(u64) -> DrivingMode,
        until_ms: u64,
    ) -> Vec<(u64, DrivingAction)> {
        (0..until_ms)
            .filter_map(|ms| operator.act(SimTime::from_ms(ms), mode_at(ms)).map(|action| (ms, action)))
            .collect()
    }

    fn ready() -> Operator {
        let mut operator = Operator::new(true, true);
        operator.sees_pose();
        operator.sees_chassis();
        operator.sees_trajectory();
        operator
    }

    #[test]
    fn the_operator_presses_reset_then_start_with_the_foot_off_the_brake() {
        let mut operator = ready();
        assert!(operator.foot_on_brake());
        let mode = |ms| if ms > 210 { DrivingMode::CompleteAutoDrive } else { DrivingMode::CompleteManual };
        let pressed = presses(&mut operator, mode, 1000);
        assert_eq!(pressed, [(100, DrivingAction::Reset), (200, DrivingAction::Start)]);
        assert!(!operator.foot_on_brake() && !operator.gave_up());
    }

    #[test]
    fn the_operator_waits_for_the_trajectory() {
        let mut operator = Operator::new(true, true);
        operator.sees_pose();
        operator.sees_chassis();
        assert_eq!(presses(&mut operator, |_| DrivingMode::CompleteManual, 2000), []);
    }

    #[test]
    fn the_operator_gives_up_after_five_starts_and_brakes() {
        let mut operator = ready();
        let pressed = presses(&mut operator, |_| DrivingMode::CompleteManual, 5000);
        assert_eq!(pressed.iter().filter(|(_, action)| *action == DrivingAction::Start).count(), 5);
        assert!(operator.gave_up() && operator.foot_on_brake());
    }

    #[test]
    fn nobody_presses_when_nobody_is_there() {
        let mut operator = Operator::new(false, false);
        operator.sees_pose();
        operator.sees_chassis();
        assert_eq!(presses(&mut operator, |_| DrivingMode::CompleteManual, 5000), []);
        assert!(!operator.foot_on_brake());
    }

    #[test]
    fn a_patient_operator_resets_until_control_passes_it_on_and_starts_until_the_car_is_in_auto() {
        let mut operator = ready();
        operator.is_told(Patience::default());
        assert_eq!(
            presses(&mut operator, |_| DrivingMode::CompleteManual, 1000),
            [],
            "the stack is not there"
        );
        operator.is_told(Patience { all_speak: true, reset_passed_on: false });
        let manual = |_| DrivingMode::CompleteManual;
        let pressed = presses(&mut operator, manual, 1200);
        assert_eq!(pressed, [100, 600, 1100].map(|ms| (ms, DrivingAction::Reset)));
        assert!(operator.words().contains("pad_msg"), "{}", operator.words());
        operator.is_told(Patience { all_speak: true, reset_passed_on: true });
        let pressed: Vec<_> = (1200..9000)
            .filter_map(|ms| {
                // The third round of START works.
                let mode =
                    if ms > 7500 { DrivingMode::CompleteAutoDrive } else { DrivingMode::CompleteManual };
                operator.act(SimTime::from_ms(ms), mode)
            })
            .collect();
        let starts = pressed.iter().filter(|action| **action == DrivingAction::Start).count();
        let resets = pressed.len() - starts;
        assert_eq!((starts, resets), (12, 2), "five, five, two; a RESET before each new round");
        assert_eq!(operator.phase, Phase::Engaged);
    }

    #[test]
    fn a_patient_operator_begins_anew_after_an_emergency() {
        let mut operator = ready();
        operator.is_told(Patience { all_speak: true, reset_passed_on: true });
        let mode = |ms| {
            if (600..800).contains(&ms) { DrivingMode::EmergencyMode } else { DrivingMode::CompleteManual }
        };
        let pressed = presses(&mut operator, mode, 1000);
        use DrivingAction::{Reset, Start};
        assert_eq!(pressed, [(100, Reset), (200, Start), (701, Reset), (840, Start)]);
    }
}
