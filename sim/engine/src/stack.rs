//! The embedded stack on its topics: five seats, the messages on their way between them, and the operator
//! at the dashboard.

use crate::operator::Operator;
use skidpad_can::Frame;
use skidpad_geo::UtmZone;
use skidpad_kernel::{Periodic, SimTime};
use skidpad_msgs::apollo::canbus::Chassis;
use skidpad_msgs::apollo::canbus::chassis::DrivingMode;
use skidpad_msgs::apollo::common::Header;
use skidpad_msgs::apollo::control::{ControlCommand, DrivingAction, PadMessage};
use skidpad_msgs::apollo::localization::{Gps, Imu, LocalizationEstimate};
use skidpad_msgs::apollo::planning::AdcTrajectory;
use skidpad_stack::canbus::{Canbus, CanbusConf, ModeChange};
use skidpad_stack::control::{CalibrationTable, Control, ControlConf};
use skidpad_stack::gnss_driver::GnssDriver;
use skidpad_stack::localization::{Localization, LocalizationConf};
use skidpad_stack::planning::Planning;
use std::time::Duration;

/// Timers of the real modules run free of each other; these phases put each module between the ones it
/// listens to, as on a started car.
const LOCALIZATION_PHASE: Duration = Duration::from_millis(1);
const LOCALIZATION_PERIOD: Duration = Duration::from_millis(10);
const CONTROL_PHASE: Duration = Duration::from_millis(4);
const PLANNING_PHASE: Duration = Duration::from_millis(6);
const PLANNING_PERIOD: Duration = Duration::from_millis(100);

/// A topic with one publisher: what a module sends in its turn arrives at the next tick's beginning. (The
/// driver's turn is before that of the modules, so what it sends arrives in the same tick.)
#[derive(Debug)]
struct Topic<M> {
    sent: Option<M>,
}

impl<M> Default for Topic<M> {
    fn default() -> Self {
        Topic { sent: None }
    }
}

/// The seats, each embedded; the canbus may be outside.
pub(crate) struct Stack {
    epoch_unix_s: f64,
    gnss_driver: GnssDriver,
    localization: Localization,
    planning: Option<Planning>,
    control: Control,
    canbus: Canbus,
    /// The drive mode that a canbus outside has brought about; the embedded one is then silent.
    external_mode: Option<DrivingMode>,
    operator: Operator,
    localization_timer: Periodic,
    planning_timer: Periodic,
    control_timer: Periodic,
    imu: Topic<Imu>,
    gps: Topic<Gps>,
    /// With the Unix time at which the position in it was measured: the message itself does not say.
    pose: Topic<(LocalizationEstimate, f64)>,
    gps_measured_unix_s: f64,
    trajectory: Topic<Box<AdcTrajectory>>,
    chassis: Topic<Chassis>,
    pad: Topic<PadMessage>,
    command: Topic<Box<ControlCommand>>,
    pad_sequence_num: u32,
    seen: Seen,
}

/// The latest messages, for the score and the trace: what a recorder on the topics would hold.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) pose: Option<LocalizationEstimate>,
    /// Unix time at which the position in `pose` was measured.
    pub(crate) pose_measured_unix_s: f64,
    pub(crate) trajectory: Option<Box<AdcTrajectory>>,
    pub(crate) chassis: Option<Chassis>,
    pub(crate) command: Option<Box<ControlCommand>>,
}

/// Who sits in the canbus seat.
pub(crate) enum CanbusSeat {
    Embedded(Box<Canbus>),
    External,
}

impl Stack {
    pub(crate) fn new(
        epoch_unix_s: f64,
        zone: UtmZone,
        planning: Option<Planning>,
        control: ControlConf,
        calibration: CalibrationTable,
        operator: Operator,
        canbus: CanbusSeat,
    ) -> Self {
        let control_period = Duration::from_nanos((control.control_period_s * 1e9).round() as u64);
        let (canbus, external_mode) = match canbus {
            CanbusSeat::Embedded(canbus) => (canbus, None),
            CanbusSeat::External => {
                (Box::new(Canbus::new(CanbusConf::default())), Some(DrivingMode::CompleteManual))
            }
        };
        Stack {
            epoch_unix_s,
            gnss_driver: GnssDriver::new(zone),
            localization: Localization::new(LocalizationConf::default()),
            planning,
            control: Control::new(control, calibration),
            canbus: *canbus,
            external_mode,
            operator,
            localization_timer: Periodic::new(LOCALIZATION_PERIOD, LOCALIZATION_PHASE),
            planning_timer: Periodic::new(PLANNING_PERIOD, PLANNING_PHASE),
            control_timer: Periodic::new(control_period, CONTROL_PHASE),
            imu: Topic::default(),
            gps: Topic::default(),
            pose: Topic::default(),
            gps_measured_unix_s: 0.0,
            trajectory: Topic::default(),
            chassis: Topic::default(),
            pad: Topic::default(),
            command: Topic::default(),
            pad_sequence_num: 0,
            seen: Seen::default(),
        }
    }

    /// Bytes of the receiver have arrived at the driver.
    pub(crate) fn on_receiver(&mut self, bytes: &[u8]) {
        let (imu, gps) = (&mut self.imu, &mut self.gps);
        self.gnss_driver.on_bytes(bytes, |output| {
            imu.sent = Some(output.imu);
            gps.sent = output.gps;
        });
    }

    /// A frame has arrived at the CAN card.
    pub(crate) fn on_frame(&mut self, frame: &Frame) {
        self.canbus.on_frame(frame);
    }

    /// Sets or clears the emergency stop in the trajectories to come.
    pub(crate) fn set_planning_estop(&mut self, estop: bool) {
        if let Some(planning) = &mut self.planning {
            planning.set_estop(estop);
        }
    }

    /// The operator presses a button.
    pub(crate) fn press(&mut self, now: SimTime, action: DrivingAction) {
        self.pad_sequence_num += 1;
        self.pad.sent = Some(PadMessage {
            header: Some(Header {
                timestamp_sec: Some(self.unix_s(now)),
                module_name: Some("terminal".into()),
                sequence_num: Some(self.pad_sequence_num),
                ..Header::default()
            }),
            driving_mode: Some(DrivingMode::CompleteAutoDrive as i32),
            action: Some(action as i32),
        });
    }

    /// One tick: messages of the last tick arrive, then the modules whose timers are due run.
    pub(crate) fn tick(&mut self, now: SimTime, mut send: impl FnMut(Frame)) {
        self.deliver(now);
        let unix_s = self.unix_s(now);
        if self.localization_timer.due(now) {
            self.pose.sent = self.localization.tick(unix_s).map(|pose| (pose, self.gps_measured_unix_s));
        }
        if self.planning_timer.due(now)
            && let Some(planning) = &mut self.planning
        {
            self.trajectory.sent = planning.tick(unix_s).map(Box::new);
        }
        if self.control_timer.due(now) {
            self.command.sent = Some(Box::new(self.control.tick(unix_s)));
        }
        if self.external_mode.is_none() {
            self.chassis.sent = self.canbus.tick(now, unix_s, &mut send);
        }
        if let Some(action) = self.operator.act(now, self.canbus.driving_mode()) {
            self.press(now, action);
        }
    }

    fn deliver(&mut self, now: SimTime) {
        if let Some(imu) = self.imu.sent.take() {
            self.localization.on_imu(&imu);
        }
        if let Some(gps) = self.gps.sent.take() {
            self.gps_measured_unix_s = gps.header.as_ref().map_or(0.0, |header| header.timestamp_sec());
            self.localization.on_gps(&gps);
        }
        if let Some((pose, measured_unix_s)) = self.pose.sent.take() {
            self.control.on_localization(&pose);
            if let Some(planning) = &mut self.planning {
                planning.on_localization(&pose);
            }
            self.operator.sees_pose();
            self.seen.pose_measured_unix_s = measured_unix_s;
            self.seen.pose = Some(pose);
        }
        if let Some(chassis) = self.chassis.sent.take() {
            self.control.on_chassis(&chassis);
            if let Some(planning) = &mut self.planning {
                planning.on_chassis(&chassis);
            }
            self.operator.sees_chassis();
            self.seen.chassis = Some(chassis);
        }
        if let Some(trajectory) = self.trajectory.sent.take() {
            self.control.on_planning(&trajectory);
            self.operator.sees_trajectory();
            self.seen.trajectory = Some(trajectory);
        }
        if let Some(pad) = self.pad.sent.take() {
            self.control.on_pad(pad);
        }
        if let Some(command) = self.command.sent.take() {
            self.canbus.on_control(now, &command);
            self.seen.command = Some(command);
        }
    }

    /// What was last seen on the topics.
    pub(crate) fn seen(&self) -> &Seen {
        &self.seen
    }

    pub(crate) fn operator(&self) -> &Operator {
        &self.operator
    }

    /// How often a button has been pressed.
    #[cfg(test)]
    pub(crate) fn presses(&self) -> u32 {
        self.pad_sequence_num
    }

    pub(crate) fn driving_mode(&self) -> DrivingMode {
        self.external_mode.unwrap_or_else(|| self.canbus.driving_mode())
    }

    /// The drive mode that the canbus outside has brought about.
    pub(crate) fn set_external_mode(&mut self, mode: DrivingMode) {
        self.external_mode = Some(mode);
    }

    pub(crate) fn is_estop(&self) -> bool {
        self.control.is_estop()
    }

    pub(crate) fn drain_mode_changes(&mut self) -> impl Iterator<Item = ModeChange> + '_ {
        self.canbus.drain_mode_changes()
    }

    fn unix_s(&self, now: SimTime) -> f64 {
        self.epoch_unix_s + now.as_s()
    }
}
