//! Drives Skidpad's car in lock-step: `pure_pursuit unix:PATH|tcp:ADDRESS:PORT`; README.md beside this file tells the rest.

use skidpad_msgs::Message as _;
use skidpad_msgs::apollo::canbus::{Chassis, chassis::GearPosition};
use skidpad_msgs::apollo::common::Header;
use skidpad_msgs::apollo::control::{ControlCommand, PadMessage};
use skidpad_msgs::apollo::localization::{LocalizationEstimate, Pose};
use skidpad_msgs::apollo::planning::AdcTrajectory;
use skidpad_msgs::lockstep::{
    Commands, FromSimulator, FromStack, Message, Ready, Vehicle, Verdict, from_simulator, from_stack,
};
use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
#[cfg(unix)]
use std::os::unix::net::UnixStream;

const POSE: &str = "/apollo/localization/pose";
const CHASSIS: &str = "/apollo/canbus/chassis";
const PLANNING: &str = "/apollo/planning";
const PAD: &str = "/apollo/control/pad";

trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

fn connect(name: &str) -> Result<Box<dyn Wire>, Box<dyn Error>> {
    match name.split_once(':') {
        #[cfg(unix)]
        Some(("unix", path)) => Ok(Box::new(UnixStream::connect(path)?)),
        Some(("tcp", address)) => {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream))
        }
        _ => Err("expected unix:PATH or tcp:ADDRESS:PORT".into()),
    }
}

fn hear(wire: &mut dyn Wire) -> Result<from_simulator::Content, Box<dyn Error>> {
    let mut length = [0; 4];
    wire.read_exact(&mut length)?;
    let mut frame = vec![0; u32::from_le_bytes(length) as usize];
    wire.read_exact(&mut frame)?;
    Ok(FromSimulator::decode(&frame[..])?.content.ok_or("an empty frame")?)
}

fn say(wire: &mut dyn Wire, content: from_stack::Content) -> Result<(), Box<dyn Error>> {
    let body = FromStack { content: Some(content) }.encode_to_vec();
    // In one piece: two would be two packets.
    Ok(wire.write_all(&[&(body.len() as u32).to_le_bytes()[..], &body].concat())?)
}

/// What the controller has heard last, and remembers.
#[derive(Default)]
struct Controller {
    pose: Option<Pose>,
    chassis: Option<Chassis>,
    trajectory: Option<AdcTrajectory>,
    pad: Option<PadMessage>,
    /// Sum of the speed errors, m.
    sum: f64,
}

impl Controller {
    fn on_message(&mut self, message: &Message) -> Result<(), Box<dyn Error>> {
        let data = &message.data[..];
        match message.topic.as_str() {
            POSE => self.pose = LocalizationEstimate::decode(data)?.pose,
            CHASSIS => self.chassis = Some(Chassis::decode(data)?),
            PLANNING => self.trajectory = Some(AdcTrajectory::decode(data)?),
            PAD => self.pad = Some(PadMessage::decode(data)?),
            _ => {}
        }
        Ok(())
    }

    /// Throttle, brake and steering in %: towards a point of the path ahead, at the speed and place that are due now.
    fn drive(&mut self, car: &Vehicle, now: f64) -> Option<(f64, f64, f64)> {
        let (pose, trajectory) = (self.pose.as_ref()?, self.trajectory.as_ref()?);
        let (here, path) = (pose.position.as_ref()?, &trajectory.adc_trajectory_point);
        let speed_mps = f64::from(self.chassis.as_ref()?.speed_mps());
        let away_m: Vec<f64> = path.iter().map(|p| (p.x() - here.x()).hypot(p.y() - here.y())).collect();
        let near = (0..path.len()).min_by(|a, b| away_m[*a].total_cmp(&away_m[*b]))?;
        let ahead_m = 1.5 + 0.5 * speed_mps.abs();
        let aim = &path[(near..path.len()).find(|i| away_m[*i] >= ahead_m).unwrap_or(path.len() - 1)];
        let to_left = (aim.y() - here.y()).atan2(aim.x() - here.x()) - pose.heading();
        let wheels = (2.0 * car.wheelbase_m * to_left.sin() / ahead_m).atan();
        let steering = 100.0 * wheels.to_degrees() * car.steering_ratio / car.max_steering_wheel_deg;

        let stamp = trajectory.header.as_ref()?.timestamp_sec();
        let late = |i: usize| (stamp + path[i].relative_time() - now).abs();
        let due = &path[(0..path.len()).min_by(|a, b| late(*a).total_cmp(&late(*b)))?];
        if due.speed() < 0.02 && speed_mps < 0.3 {
            return Some((0.0, 30.0, steering));
        }
        let error = due.speed() + 0.6 * (due.accumulated_s() - path[near].accumulated_s()) - speed_mps;
        self.sum = (self.sum + 0.01 * error).clamp(-3.0, 3.0);
        let wanted_mps2 = due.acceleration_s() + error + 0.3 * self.sum;
        Some(match wanted_mps2 < -0.15 {
            true => (0.0, 20.0 - 3.5 * wanted_mps2, steering),
            false => (17.0 + 0.4 * speed_mps + 5.0 * wanted_mps2, 0.0, steering),
        })
    }
}

#[allow(dead_code)] // A test calls `run`.
fn main() -> Result<(), Box<dyn Error>> {
    run(&std::env::args().nth(1).ok_or("usage: pure_pursuit unix:PATH|tcp:ADDRESS:PORT")?)
}

/// Drives to the end of the scenario; an error if that is no pass.
pub fn run(name: &str) -> Result<(), Box<dyn Error>> {
    let mut wire = connect(name)?;
    let from_simulator::Content::Hello(hello) = hear(&mut wire)? else { return Err("expected Hello".into()) };
    let car = hello.vehicle.ok_or("Hello without a car")?;
    say(
        &mut wire,
        from_stack::Content::Ready(Ready {
            version: 1,
            name: "pure_pursuit.rs".into(),
            topics: [POSE, CHASSIS, PLANNING, PAD].map(String::from).to_vec(),
            ..Ready::default()
        }),
    )?;
    let mut controller = Controller::default();
    loop {
        let step = match hear(&mut wire)? {
            from_simulator::Content::Step(step) => step,
            from_simulator::Content::Bye(bye) if bye.verdict() == Verdict::Passed => return Ok(()),
            from_simulator::Content::Bye(bye) => return Err(format!("not passed: {}", bye.reason).into()),
            from_simulator::Content::Hello(_) => return Err("a second Hello".into()),
        };
        step.messages.iter().try_for_each(|message| controller.on_message(message))?;
        let now = hello.epoch_unix_s + 1e-9 * step.time_ns as f64;
        let (throttle, brake, steering) = controller.drive(&car, now).unwrap_or((0.0, 30.0, 0.0));
        let command = ControlCommand {
            header: Some(Header {
                timestamp_sec: Some(now),
                sequence_num: Some(step.number as u32),
                ..Header::default()
            }),
            throttle: Some(throttle),
            brake: Some(brake),
            steering_target: Some(steering),
            steering_rate: Some(100.0),
            gear_location: Some(GearPosition::GearDrive.into()),
            // The operator presses RESET, then START: canbus hears of it from control, once each.
            pad_msg: controller.pad.take(),
            ..ControlCommand::default()
        };
        let message = Message { topic: "/apollo/control".into(), data: command.encode_to_vec() };
        say(
            &mut wire,
            from_stack::Content::Commands(Commands { number: step.number, messages: vec![message] }),
        )?;
    }
}
