//! The car: vehicle model on the map, collisions, by-wire ECUs, and the driver in the seat.

use nalgebra::Vector3;
use skidpad_bywire::{ByWire, CarGps, DriverInput, Event as ByWireEvent, GpsFix, Hands, TurnSignal, Unit};
use skidpad_can::Frame;
use skidpad_geo::{EnuFrame, normal_gravity_mps2};
use skidpad_kernel::SimTime;
use skidpad_scenario::{HoldWheel, LoadedScenario};
use skidpad_sensors::Truth;
use skidpad_vehicle::{
    ActuatorDemand, Environment, Gear, HullParams, PlantReport, PointMotion, PowertrainParams,
    SteeringDemand, VehicleModel, VehicleState,
};
use skidpad_world::{Cones, ContactWorld, Gust, Hull, HullMotion, MapGround, OtherPose, Wind};
use std::time::Duration;

/// Step of the vehicle, s.
pub(crate) const STEP_S: f64 = 1e-3;
/// Friction between sheet metal and a barrier, and restitution of a crash.
const HULL_FRICTION: f64 = 0.3;
const HULL_RESTITUTION: f64 = 0.1;
/// A contact after so long without one is a new collision.
const COLLISION_GAP: Duration = Duration::from_millis(500);
/// A slower car has no course over ground: its own receiver keeps the last.
const COURSE_ABOVE_MPS: f64 = 0.5;

pub(crate) struct Car {
    pub(crate) model: VehicleModel,
    pub(crate) state: VehicleState,
    pub(crate) plant: PlantReport,
    /// What the by-wire units asked of the vehicle in the last step.
    pub(crate) demand: ActuatorDemand,
    ground: MapGround,
    environment: Environment,
    wind: Wind,
    pub(crate) bywire: ByWire,
    gps: CarGps,
    contacts: ContactWorld,
    pub(crate) cones: Cones,
    last_contact: Option<SimTime>,
    /// Speed of the engine at idle, 1/min.
    idle_rpm: f64,
    /// Course over ground when the car last moved, deg clockwise from north.
    course_deg: f64,
    /// What the steering-angle sensor reads too much, rad.
    steering_offset_rad: f64,
    /// What is wrong for a while, and until when.
    passing: Vec<(SimTime, Flaw)>,
}

/// What can be wrong with car and road for a while; one of each kind at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Flaw {
    /// The steering-angle sensor reads this much too much, rad, positive left.
    SteeringOffset(f64),
    /// The service brakes have lost this share of their torque.
    BrakeFade(f64),
    /// The friction is this times that of the map.
    Friction(f64),
}

/// A new collision.
pub(crate) struct Collision {
    pub(crate) detail: String,
}

impl Car {
    /// The car of `scenario` at its start, with `driver` in the seat, on the road and in the wind of `seed`.
    pub(crate) fn new(
        scenario: &LoadedScenario,
        seed: u64,
        gear: Gear,
        driver: &DriverInput,
    ) -> Result<Self, String> {
        let vehicle = &scenario.vehicle;
        let model = VehicleModel::new(&vehicle.params, STEP_S);
        let mut bywire = ByWire::new(&vehicle.dbc, &vehicle.bywire).map_err(|error| error.to_string())?;
        bywire.start_in_gear(gear);
        let spec = &scenario.scenario;
        let mut ground = scenario.map.rough_ground(spec.road.map(|road| road.roughness), seed);
        let mut wind = spec.wind.map_or_else(Wind::calm, |wind| Wind::new(&wind.into(), seed));
        let anchor = scenario.frame.enu.anchor();
        let environment = Environment {
            gravity_mps2: normal_gravity_mps2(anchor.lat_deg, anchor.height_m),
            wind_mps: wind.advance(SimTime::ZERO, 0.0, [0.0; 3]),
        };
        let demand = ActuatorDemand {
            throttle_pct: driver.throttle_pct.max(vehicle.bywire.throttle_rest_pct),
            brake_pct: driver.brake_pct.max(vehicle.bywire.brake_rest_pct),
            steering: SteeringDemand::Servo { angle_rad: 0.0, rate_limit_rps: 0.0 },
            gear,
            parking_brake: driver.parking_brake,
        };
        let start = &scenario.start;
        let pose = [start.x_m, start.y_m, start.heading_rad];
        let state = model.place(&mut ground, &environment, pose, start.speed_mps, &demand);
        let hull = hull(&model, &vehicle.params.hull);
        let contacts = ContactWorld::new(&scenario.map, hull).with_vehicles(&scenario.vehicles);
        let cones = Cones::new(&scenario.cones, scenario.map.ground(), hull);
        let plant = model.report(&state);
        let course_deg = (90.0 - start.heading_rad.to_degrees()).rem_euclid(360.0);
        Ok(Car {
            model,
            state,
            plant,
            demand,
            ground,
            environment,
            wind,
            bywire,
            gps: CarGps::new(seed),
            contacts,
            cones,
            last_contact: None,
            idle_rpm: match &vehicle.params.powertrain {
                PowertrainParams::PowerSplit(drive) => drive.idle_rpm.max(1.0),
                PowertrainParams::Automatic(drive) => drive.engine.idle_rpm,
            },
            course_deg,
            steering_offset_rad: 0.0,
            passing: Vec::new(),
        })
    }

    /// Something is wrong from now until `until`, instead of what was wrong of the same kind.
    pub(crate) fn begin_flaw(&mut self, until: SimTime, flaw: Flaw) {
        let kind = std::mem::discriminant(&flaw);
        self.passing.retain(|(_, other)| std::mem::discriminant(other) != kind);
        self.passing.push((until, flaw));
        self.set_flaw(flaw);
    }

    /// What is over is well again.
    fn mend(&mut self, now: SimTime) {
        while let Some(at) = self.passing.iter().position(|(until, _)| *until <= now) {
            let well = match self.passing.swap_remove(at).1 {
                Flaw::SteeringOffset(_) => Flaw::SteeringOffset(0.0),
                Flaw::BrakeFade(_) => Flaw::BrakeFade(0.0),
                Flaw::Friction(_) => Flaw::Friction(1.0),
            };
            self.set_flaw(well);
        }
    }

    fn set_flaw(&mut self, flaw: Flaw) {
        match flaw {
            Flaw::SteeringOffset(offset_rad) => {
                self.plant.steering_wheel_rad += offset_rad - self.steering_offset_rad;
                self.steering_offset_rad = offset_rad;
            }
            Flaw::BrakeFade(share) => self.model.set_brake_fade(share),
            Flaw::Friction(scale) => self.ground.scale_friction(scale),
        }
    }

    /// What the by-wire units ask of the vehicle; they know the steering angle by its sensor, and the hands do not.
    fn demand(&mut self, now: SimTime, driver: &DriverInput) -> ActuatorDemand {
        if self.steering_offset_rad == 0.0 {
            return self.bywire.update(now, &self.plant, driver);
        }
        let mut driver = *driver;
        if let Hands::Hold { angle_rad, .. } = &mut driver.hands {
            *angle_rad += self.steering_offset_rad;
        }
        let mut demand = self.bywire.update(now, &self.plant, &driver);
        if let SteeringDemand::Servo { angle_rad, .. } = &mut demand.steering {
            *angle_rad -= self.steering_offset_rad;
        }
        demand
    }

    pub(crate) fn begin_gust(&mut self, now: SimTime, gust: Gust) {
        self.wind.begin(now, gust);
    }

    /// Velocity of the air, east, north, up, m/s.
    pub(crate) fn wind_mps(&self) -> [f64; 3] {
        self.environment.wind_mps
    }

    pub(crate) fn receive(&mut self, now: SimTime, frame: &Frame) {
        self.bywire.receive(now, frame);
    }

    /// As [`Car::step`], but the vehicle stands still in its state: units and driver go on.
    pub(crate) fn stand(&mut self, now: SimTime, driver: &DriverInput) {
        self.demand = self.demand(now, driver);
    }

    /// To the instant `now`, one step after the last; `scenario_s` is the time at which the other vehicles are then.
    pub(crate) fn step(&mut self, now: SimTime, scenario_s: f64, driver: &DriverInput) -> Option<Collision> {
        if !self.passing.is_empty() {
            self.mend(now);
        }
        self.demand = self.demand(now, driver);
        let collision = self.collide(now, scenario_s - STEP_S);
        self.environment.wind_mps = self.wind.advance(now, STEP_S, self.state.velocity_mps.into());
        self.model.step(&mut self.state, &self.demand, &mut self.ground, &self.environment);
        self.plant = self.model.report(&self.state);
        if self.steering_offset_rad != 0.0 {
            self.plant.steering_wheel_rad += self.steering_offset_rad;
        }
        collision
    }

    /// What the hull meets as it sets out from where it is, at `from_s` of the scenario.
    fn collide(&mut self, now: SimTime, from_s: f64) -> Option<Collision> {
        let rotation = self.state.attitude.matrix();
        let motion = HullMotion {
            position_m: self.state.position_m.into(),
            orientation: self.state.attitude.0,
            velocity_mps: self.state.velocity_mps.into(),
            angular_velocity_rps: (rotation * self.state.rate_rps).into(),
        };
        self.cones.step(&motion, from_s, STEP_S);
        self.contacts.advance(from_s);
        if !self.contacts.nearby(&motion) {
            return None;
        }
        let impact = self.contacts.step(&motion, STEP_S)?;
        let angular = rotation.transpose() * Vector3::from(impact.delta_angular_velocity_rps);
        self.state.apply_velocity_change(Vector3::from(impact.delta_velocity_mps), angular);
        self.state.position_m += Vector3::from(impact.push_out_m);
        let is_new = self.last_contact.is_none_or(|last| now > last + COLLISION_GAP);
        self.last_contact = Some(now);
        is_new.then(|| {
            let speed = Vector3::from(motion.velocity_mps).norm();
            let theirs = Vector3::from(impact.other_velocity_mps).norm();
            let mut detail = format!("hit {} at {speed:.1} m/s", impact.other);
            if theirs > 0.05 {
                detail.push_str(&format!(", which drove at {theirs:.1} m/s"));
            }
            Collision { detail }
        })
    }

    /// Where the other vehicles are at `scenario_s`.
    pub(crate) fn others(&self, scenario_s: f64) -> impl ExactSizeIterator<Item = OtherPose> {
        self.contacts.others(scenario_s)
    }

    pub(crate) fn transmit(&mut self, now: SimTime, mut send: impl FnMut(Unit, Frame)) {
        self.bywire.transmit_from(now, &self.plant, &mut send);
    }

    /// The car's own receiver computes a fix, if it sees satellites.
    pub(crate) fn fix(&mut self, unix_s: i64, enu: &EnuFrame, satellites: bool) {
        let at = self.rear_axle();
        let [east, north] = [at.velocity_mps.x, at.velocity_mps.y];
        let speed_mps = libm::hypot(east, north);
        if speed_mps > COURSE_ABOVE_MPS {
            self.course_deg = libm::atan2(east, north).to_degrees().rem_euclid(360.0);
        }
        let place = enu.to_geodetic(at.position_m.into());
        let truth = GpsFix {
            unix_s,
            latitude_deg: place.lat_deg,
            longitude_deg: place.lon_deg,
            altitude_m: place.height_m,
            course_deg: self.course_deg,
            speed_mps,
            has_height: true,
            satellites: 0,
            dilution: [0.0; 3],
        };
        self.bywire.set_gps(self.gps.measure(&truth, satellites));
    }

    pub(crate) fn bywire_events(&mut self) -> impl Iterator<Item = ByWireEvent> + '_ {
        self.bywire.events()
    }

    pub(crate) fn rear_axle(&self) -> PointMotion {
        self.model.rear_axle_motion(&self.state)
    }

    /// What the sensors see.
    pub(crate) fn truth(&self) -> Truth {
        let at = self.rear_axle();
        Truth {
            position_enu_m: at.position_m.into(),
            quaternion_wxyz: self.state.attitude.0,
            velocity_enu_mps: at.velocity_mps.into(),
            body_rate_rps: self.state.rate_rps.into(),
            engine_over_idle: self.plant.engine_rpm / self.idle_rpm,
        }
    }
}

fn hull(model: &VehicleModel, params: &HullParams) -> Hull {
    let cg = model.cg_from_rear_axle_m();
    let inertia = model.inertia_kgm2();
    Hull {
        size_m: [params.front_m + params.rear_m, params.width_m, params.height_m - params.clearance_m],
        centre_m: [
            0.5 * (params.front_m - params.rear_m) - cg.x,
            0.0,
            0.5 * (params.clearance_m + params.height_m) - cg.z,
        ],
        mass_kg: model.mass_kg(),
        inertia_kgm2: std::array::from_fn(|row| std::array::from_fn(|column| inertia[(row, column)])),
        friction: HULL_FRICTION,
        restitution: HULL_RESTITUTION,
    }
}

/// The driver's hands and feet: what the scenario's events make them do, for as long as they say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Driver {
    wheel: Option<(SimTime, HoldWheel)>,
    brake: Option<(SimTime, f64)>,
    throttle: Option<(SimTime, f64)>,
    gear: Option<Gear>,
    parking_brake: bool,
    turn_signal: Option<(SimTime, TurnSignal)>,
}

impl Driver {
    pub(crate) fn hold_wheel(&mut self, until: SimTime, wheel: HoldWheel) {
        self.wheel = Some((until, wheel));
    }

    pub(crate) fn brake(&mut self, until: SimTime, pedal_pct: f64) {
        self.brake = Some((until, pedal_pct));
    }

    pub(crate) fn throttle(&mut self, until: SimTime, pedal_pct: f64) {
        self.throttle = Some((until, pedal_pct));
    }

    pub(crate) fn shift(&mut self, gear: Gear) {
        self.gear = Some(gear);
    }

    pub(crate) fn park(&mut self, applied: bool) {
        self.parking_brake = applied;
    }

    pub(crate) fn signal(&mut self, until: SimTime, turn: TurnSignal) {
        self.turn_signal = Some((until, turn));
    }

    /// Hands and feet at `now`; `foot_on_brake_pct` is what the driver does while no event says otherwise.
    pub(crate) fn input(&self, now: SimTime, foot_on_brake_pct: f64) -> DriverInput {
        let pedal = |held: Option<(SimTime, f64)>| held.filter(|(until, _)| now < *until).map(|(_, pct)| pct);
        let hands = self.wheel.filter(|(until, _)| now < *until);
        DriverInput {
            throttle_pct: pedal(self.throttle).unwrap_or(0.0),
            brake_pct: pedal(self.brake).unwrap_or(foot_on_brake_pct),
            hands: hands.map_or(Hands::Off, |(_, wheel)| Hands::Hold {
                angle_rad: wheel.angle_rad,
                max_torque_nm: wheel.torque_nm,
            }),
            gear: self.gear,
            parking_brake: self.parking_brake,
            turn_signal: self
                .turn_signal
                .filter(|(until, _)| now < *until)
                .map_or(TurnSignal::Off, |(_, turn)| turn),
            acknowledge: false,
        }
    }
}
