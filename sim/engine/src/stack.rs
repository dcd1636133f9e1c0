//! The stack on its topics: five seats, each embedded or outside, the messages on their way between them, and the
//! operator at the dashboard.

use crate::message::TopicMessage;
use crate::operator::{Operator, Patience};
use crate::outside::Outside;
use crate::seats::{SeatId, Seats};
use crate::watch::{ExternalReport, SeatNow, Watch};
use skidpad_can::{Flaws, Frame};
use skidpad_geo::UtmZone;
use skidpad_kernel::{Periodic, SimTime};
use skidpad_msgs::apollo::canbus::Chassis;
use skidpad_msgs::apollo::canbus::chassis::DrivingMode;
use skidpad_msgs::apollo::common::Header;
use skidpad_msgs::apollo::common::gnss_status::{InsStatus, StreamStatus, ins_status, stream_status};
use skidpad_msgs::apollo::common::monitor::monitor_message_item::{LogLevel, MessageSource};
use skidpad_msgs::apollo::common::monitor::{MonitorMessage, MonitorMessageItem};
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

/// The seats. The module of a seat that is outside does not run: it gets nothing and says nothing.
pub(crate) struct Stack {
    epoch_unix_s: f64,
    external: Seats,
    gnss_driver: GnssDriver,
    localization: Localization,
    planning: Option<Planning>,
    control: Control,
    canbus: Canbus,
    /// The drive mode that a canbus outside has brought about; the embedded one is then silent.
    external_mode: Option<DrivingMode>,
    operator: Operator,
    operator_held: bool,
    watch: Watch,
    /// Control outside has passed the last RESET on.
    reset_passed_on: bool,
    /// Messages from outside for seats that are filled inside.
    ignored_messages: u64,
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
    told: Told,
    seen: Seen,
}

/// What has been told outside of the states that are published when they change.
#[derive(Default)]
struct Told {
    started: bool,
    sequence_num: u32,
    /// Position logs of the driver, when the kind of its fix was last told.
    fixes: u64,
    ins: Option<ins_status::Type>,
    stream_connected: bool,
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

/// What a stack is made of.
pub(crate) struct StackParts {
    pub(crate) epoch_unix_s: f64,
    pub(crate) external: Seats,
    pub(crate) zone: UtmZone,
    pub(crate) planning: Option<Planning>,
    pub(crate) control: ControlConf,
    pub(crate) calibration: CalibrationTable,
    pub(crate) operator: Operator,
    /// Absent if the seat is outside.
    pub(crate) canbus: Option<Canbus>,
}

/// Time between two commands of the embedded control.
fn control_period(conf: &ControlConf) -> Duration {
    Duration::from_nanos((conf.control_period_s * 1e9).round() as u64)
}

impl Stack {
    pub(crate) fn new(parts: StackParts) -> Self {
        let StackParts { external, control, .. } = parts;
        let control_period = control_period(&control);
        let external_mode = parts.canbus.is_none().then_some(DrivingMode::CompleteManual);
        Stack {
            epoch_unix_s: parts.epoch_unix_s,
            external,
            gnss_driver: GnssDriver::new(parts.zone),
            localization: Localization::new(LocalizationConf::default()),
            planning: parts.planning.filter(|_| !external.contains(SeatId::Planning)),
            control: Control::new(control, parts.calibration),
            canbus: parts.canbus.unwrap_or_else(|| Canbus::new(CanbusConf::default())),
            external_mode,
            operator: parts.operator,
            operator_held: false,
            watch: Watch::new(external, control_period),
            reset_passed_on: false,
            ignored_messages: 0,
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
            told: Told::default(),
            seen: Seen::default(),
        }
    }

    /// Bytes of the receiver have arrived at the driver.
    pub(crate) fn on_receiver(&mut self, now: SimTime, bytes: &[u8], outside: &mut impl Outside) {
        self.watch.receiver_speaks(now);
        if self.is_external(SeatId::GnssDriver) {
            return;
        }
        let (imu, gps) = (&mut self.imu, &mut self.gps);
        self.gnss_driver.on_bytes(bytes, |output| {
            if outside.listens() {
                outside.message_out(now, &TopicMessage::Imu(output.imu.clone()));
                if let Some(gps) = &output.gps {
                    outside.message_out(now, &TopicMessage::Gps(gps.clone()));
                }
            }
            imu.sent = Some(output.imu);
            gps.sent = output.gps;
        });
    }

    /// A frame has arrived at the CAN card.
    pub(crate) fn on_frame(&mut self, frame: &Frame) {
        self.canbus.on_frame(frame);
    }

    /// True if the module of this seat is outside.
    pub(crate) fn is_external(&self, seat: SeatId) -> bool {
        self.external.contains(seat)
    }

    /// Reports of the car in which the embedded canbus found something wrong; `None` with a canbus outside.
    pub(crate) fn flawed_reports(&self) -> Option<Flaws> {
        (!self.is_external(SeatId::Canbus)).then(|| self.canbus.flawed_reports())
    }

    /// Sets or clears the emergency stop in the trajectories to come.
    pub(crate) fn set_planning_estop(&mut self, estop: bool) {
        if let Some(planning) = &mut self.planning {
            planning.set_estop(estop);
        }
    }

    /// The embedded control takes other parameters. Another period counts from its next command on.
    pub(crate) fn set_control_conf(&mut self, conf: &ControlConf) {
        self.control_timer.set_period(control_period(conf));
        self.control.set_conf(conf.clone());
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

    /// One tick: messages of the last tick arrive, and those from outside, then the modules whose timers are due run.
    pub(crate) fn tick(&mut self, now: SimTime, outside: &mut impl Outside, mut send: impl FnMut(Frame)) {
        self.deliver(now);
        let unix_s = self.unix_s(now);
        outside.messages_in(now, &mut |message| self.hear(now, unix_s, message));
        if !self.external.is_empty() {
            self.watch.tick(now);
        }
        if self.localization_timer.due(now) && !self.is_external(SeatId::Localization) {
            self.pose.sent = self.localization.tick(unix_s).map(|pose| (pose, self.gps_measured_unix_s));
        }
        if self.planning_timer.due(now)
            && let Some(planning) = &mut self.planning
        {
            self.trajectory.sent = planning.tick(unix_s).map(Box::new);
        }
        if self.control_timer.due(now) && !self.is_external(SeatId::Control) {
            self.command.sent = Some(Box::new(self.control.tick(unix_s)));
        }
        if self.external_mode.is_none() {
            self.chassis.sent = self.canbus.tick(now, unix_s, &mut send);
        }
        if let Some(action) = self.operator_acts(now) {
            self.press(now, action);
        }
        if outside.listens() {
            self.publish(now, outside);
        }
    }

    fn operator_acts(&mut self, now: SimTime) -> Option<DrivingAction> {
        if !self.external.is_empty() {
            self.reset_passed_on |= self.watch.take_echo() == Some(DrivingAction::Reset);
            // A canbus that speaks on CAN alone is not seen by the operator, who then presses nothing.
            self.operator.is_told(Patience {
                all_speak: !self.operator_held && self.watch.missing(now).is_empty(),
                reset_passed_on: self.reset_passed_on || !self.is_external(SeatId::Control),
            });
        }
        let action = self.operator.act(now, self.shown_mode());
        self.reset_passed_on &= action != Some(DrivingAction::Reset);
        action
    }

    /// Tells outside what has been sent in this tick.
    fn publish(&mut self, now: SimTime, outside: &mut impl Outside) {
        self.publish_states(now, outside);
        if let Some((pose, _)) = &self.pose.sent {
            outside.message_out(now, &TopicMessage::Pose(Box::new(pose.clone())));
        }
        if let Some(trajectory) = &self.trajectory.sent {
            outside.message_out(now, &TopicMessage::Trajectory(trajectory.clone()));
        }
        if let Some(command) = &self.command.sent {
            outside.message_out(now, &TopicMessage::Command(command.clone()));
        }
        if let Some(chassis) = &self.chassis.sent {
            outside.message_out(now, &TopicMessage::Chassis(chassis.clone()));
            let detail = Box::new(*self.canbus.chassis_detail());
            outside.message_out(now, &TopicMessage::ChassisDetail(detail));
        }
        if let Some(pad) = &self.pad.sent {
            outside.message_out(now, &TopicMessage::Pad(pad.clone()));
        }
    }

    /// The states that modules tell when they start and when they change.
    fn publish_states(&mut self, now: SimTime, outside: &mut impl Outside) {
        let unix_s = self.unix_s(now);
        let told = &mut self.told;
        let mut header = |module: &str| {
            told.sequence_num += 1;
            Some(Header {
                timestamp_sec: Some(unix_s),
                module_name: Some(module.to_owned()),
                sequence_num: Some(told.sequence_num),
                ..Header::default()
            })
        };
        if !std::mem::replace(&mut told.started, true) {
            // Control's words were seen on the running stack, canbus's are those of its later versions.
            for (seat, source, words) in [
                (SeatId::Control, MessageSource::Control, "control started"),
                (SeatId::Canbus, MessageSource::Canbus, "Canbus is started."),
            ] {
                if !self.external.contains(seat) {
                    let item = MonitorMessageItem {
                        source: Some(source.into()),
                        msg: Some(words.to_owned()),
                        log_level: Some(LogLevel::Info.into()),
                    };
                    let message = MonitorMessage { header: header("monitor"), item: vec![item] };
                    outside.message_out(now, &TopicMessage::Monitor(message));
                }
            }
            if !self.external.contains(SeatId::GnssDriver) {
                let message = StreamStatus { header: header("gnss"), ..StreamStatus::default() };
                outside.message_out(now, &TopicMessage::StreamStatus(message));
            }
        }
        if self.external.contains(SeatId::GnssDriver) {
            return;
        }
        if !told.stream_connected && self.gnss_driver.line_stats().logs > 0 {
            told.stream_connected = true;
            // The car's receiver gets its corrections by itself: no stream for them passes the driver (assumption).
            let connected = Some(stream_status::Type::Connected.into());
            let message = StreamStatus {
                header: header("gnss"),
                ins_stream_type: connected,
                ..StreamStatus::default()
            };
            outside.message_out(now, &TopicMessage::StreamStatus(message));
        }
        let fixes = self.gnss_driver.fixes();
        if std::mem::replace(&mut told.fixes, fixes) != fixes {
            let mut message = self.gnss_driver.gnss_status();
            message.header = header("gnss");
            outside.message_out(now, &TopicMessage::GnssStatus(message));
        }
        let ins = Some(self.gnss_driver.ins_status());
        if std::mem::replace(&mut told.ins, ins) != ins {
            let message = InsStatus { header: header("gnss"), r#type: ins.map(i32::from) };
            outside.message_out(now, &TopicMessage::InsStatus(message));
        }
    }

    /// A message from outside arrives.
    fn hear(&mut self, now: SimTime, unix_s: f64, message: TopicMessage) {
        if message.seat().is_some_and(|seat| !self.external.contains(seat)) {
            self.ignored_messages += 1;
            return;
        }
        self.watch.hear(now, unix_s, &message);
        match message {
            TopicMessage::Imu(imu) => self.imu_arrives(&imu),
            TopicMessage::Gps(gps) => self.gps_arrives(&gps),
            TopicMessage::Pose(pose) => {
                // What it stands for is known only to its sender; Apollo's takes the newest position it has.
                let stamp = pose.header.as_ref().and_then(|header| header.timestamp_sec).unwrap_or(unix_s);
                let newest = if self.gps_measured_unix_s > 0.0 { self.gps_measured_unix_s } else { stamp };
                let measured_unix_s = pose.measurement_time.unwrap_or(newest);
                self.pose_arrives(*pose, measured_unix_s);
            }
            TopicMessage::Chassis(chassis) => self.chassis_arrives(chassis),
            TopicMessage::Trajectory(trajectory) => self.trajectory_arrives(trajectory),
            TopicMessage::Pad(pad) => self.control.on_pad(pad),
            TopicMessage::Monitor(monitor) => self.control.on_monitor(&monitor),
            TopicMessage::Command(command) => self.command_arrives(now, command),
            TopicMessage::ChassisDetail(_)
            | TopicMessage::GnssStatus(_)
            | TopicMessage::InsStatus(_)
            | TopicMessage::StreamStatus(_) => {}
        }
    }

    fn deliver(&mut self, now: SimTime) {
        if let Some(imu) = self.imu.sent.take() {
            self.imu_arrives(&imu);
        }
        if let Some(gps) = self.gps.sent.take() {
            self.gps_arrives(&gps);
        }
        if let Some((pose, measured_unix_s)) = self.pose.sent.take() {
            self.pose_arrives(pose, measured_unix_s);
        }
        if let Some(chassis) = self.chassis.sent.take() {
            self.chassis_arrives(chassis);
        }
        if let Some(trajectory) = self.trajectory.sent.take() {
            self.trajectory_arrives(trajectory);
        }
        if let Some(pad) = self.pad.sent.take() {
            self.control.on_pad(pad);
        }
        if let Some(command) = self.command.sent.take() {
            self.command_arrives(now, command);
        }
    }

    fn imu_arrives(&mut self, imu: &Imu) {
        self.localization.on_imu(imu);
    }

    fn gps_arrives(&mut self, gps: &Gps) {
        self.gps_measured_unix_s = gps.header.as_ref().map_or(0.0, |header| header.timestamp_sec());
        self.localization.on_gps(gps);
    }

    fn pose_arrives(&mut self, pose: LocalizationEstimate, measured_unix_s: f64) {
        if !self.is_external(SeatId::Control) {
            self.control.on_localization(&pose);
        }
        if let Some(planning) = &mut self.planning {
            planning.on_localization(&pose);
        }
        self.operator.sees_pose();
        self.seen.pose_measured_unix_s = measured_unix_s;
        self.seen.pose = Some(pose);
    }

    fn chassis_arrives(&mut self, chassis: Chassis) {
        if !self.is_external(SeatId::Control) {
            self.control.on_chassis(&chassis);
        }
        if let Some(planning) = &mut self.planning {
            planning.on_chassis(&chassis);
        }
        self.operator.sees_chassis();
        self.seen.chassis = Some(chassis);
    }

    fn trajectory_arrives(&mut self, trajectory: Box<AdcTrajectory>) {
        if !self.is_external(SeatId::Control) {
            self.control.on_planning(&trajectory);
        }
        self.operator.sees_trajectory();
        self.seen.trajectory = Some(trajectory);
    }

    fn command_arrives(&mut self, now: SimTime, command: Box<ControlCommand>) {
        if !self.is_external(SeatId::Canbus) {
            self.canbus.on_control(now, &command);
        }
        self.seen.command = Some(command);
    }

    /// From now on t = 0 is this Unix time.
    pub(crate) fn set_epoch(&mut self, epoch_unix_s: f64) {
        self.epoch_unix_s = epoch_unix_s;
    }

    /// Keeps the operator from pressing anything, or lets go.
    pub(crate) fn hold_operator(&mut self, held: bool) {
        self.operator_held = held;
    }

    /// What was last seen on the topics.
    pub(crate) fn seen(&self) -> &Seen {
        &self.seen
    }

    pub(crate) fn operator(&self) -> &Operator {
        &self.operator
    }

    pub(crate) fn watch(&mut self) -> &mut Watch {
        &mut self.watch
    }

    /// How each external seat is.
    pub(crate) fn seats(&self, now: SimTime) -> impl Iterator<Item = SeatNow> + '_ {
        self.watch.seats(now)
    }

    /// The external seats that do not speak, and what the operator has come to.
    pub(crate) fn waiting(&self, now: SimTime) -> (Seats, &'static str) {
        (self.watch.missing(now), self.operator.words())
    }

    /// Why the stack outside is taken for dead, if it is.
    pub(crate) fn lost(&self) -> Option<&str> {
        self.watch.lost()
    }

    /// Looks how old the command in force is.
    pub(crate) fn look_at_command(&mut self, now: SimTime) {
        let unix_s = self.unix_s(now);
        self.watch.look_at_command(unix_s);
    }

    /// What came of the external seats.
    pub(crate) fn external_report(&mut self, now: SimTime) -> ExternalReport {
        ExternalReport {
            ignored_messages: self.ignored_messages,
            presses: self.pad_sequence_num,
            ..self.watch.report(now)
        }
    }

    /// How often a button has been pressed.
    #[cfg(test)]
    pub(crate) fn presses(&self) -> u32 {
        self.pad_sequence_num
    }

    pub(crate) fn driving_mode(&self) -> DrivingMode {
        self.external_mode.unwrap_or_else(|| self.canbus.driving_mode())
    }

    /// The drive mode that the dashboard shows: what the chassis says, once it has been heard of a canbus outside.
    fn shown_mode(&self) -> DrivingMode {
        let outside = self.external_mode.and(self.seen.chassis.as_ref());
        outside.map_or_else(|| self.driving_mode(), |chassis| chassis.driving_mode())
    }

    /// Whether the chassis of a canbus outside says that it is in emergency mode.
    pub(crate) fn reports_emergency(&self) -> bool {
        self.external_mode.is_some() && self.shown_mode() == DrivingMode::EmergencyMode
    }

    /// The drive mode that the canbus outside has brought about.
    pub(crate) fn set_external_mode(&mut self, mode: DrivingMode) {
        self.external_mode = Some(mode);
    }

    /// Whether control holds an emergency stop. Of a control outside this is known by its commands: no throttle, the
    /// brake, and a target speed of 0, which Apollo's sends in an emergency stop only.
    pub(crate) fn is_estop(&self) -> bool {
        if !self.is_external(SeatId::Control) {
            return self.control.is_estop();
        }
        self.seen.command.as_ref().is_some_and(|command| {
            command.speed == Some(0.0) && command.throttle() == 0.0 && command.brake() > 0.0
        })
    }

    /// Whether the commands of control drive the car: not when a canbus outside is known on CAN alone.
    pub(crate) fn control_drives(&self) -> bool {
        self.external_mode.is_none() || self.seen.chassis.is_some()
    }

    pub(crate) fn drain_mode_changes(&mut self) -> impl Iterator<Item = ModeChange> + '_ {
        self.canbus.drain_mode_changes()
    }

    fn unix_s(&self, now: SimTime) -> f64 {
        self.epoch_unix_s + now.as_s()
    }
}
