//! Where the real decoder finds each signal of the reports, and where it puts it (facts: `apollo10.md` §4.2).
//!
//! These tables are the stack's own: they keep the real decoder's quirks and do not know the vehicle's .dbc. A
//! row is where the signal sits, and the field it fills. Frames of other ids are ignored, and so is the length
//! of a frame, as in the real decoder.

use skidpad_can::{Frame, SignalLayout};
use skidpad_msgs::apollo::canbus::chassis::GearPosition;
use skidpad_msgs::apollo::canbus::light::{LincolnAmbientType, TurnLightType};
use skidpad_msgs::apollo::canbus::{
    BasicInfo, Brake, ChassisDetail, CheckResponseSignal, Eps, Esp, Gas, Gear, Light, Safety, VehicleSpd,
};

/// One signal: its place in the frame and the field that takes its value.
struct Signal {
    at: SignalLayout,
    put: Put,
}

enum Put {
    /// The physical value.
    Number(fn(&mut ChassisDetail, f64)),
    /// The raw integer, for whole numbers, codes and odd conversions.
    Whole(fn(&mut ChassisDetail, i32)),
    /// One bit.
    Flag(fn(&mut ChassisDetail, bool)),
}

/// Puts what `frame` reports into `detail`; fields that the frame does not carry keep their value.
pub(super) fn decode(frame: &Frame, detail: &mut ChassisDetail) {
    for signal in signals_of(frame) {
        match signal.put {
            Put::Number(put) => put(detail, signal.at.physical(&frame.data)),
            Put::Whole(put) => put(detail, signal.at.raw(&frame.data) as i32),
            Put::Flag(put) => put(detail, signal.at.is_set(&frame.data)),
        }
    }
}

fn signals_of(frame: &Frame) -> &'static [Signal] {
    match frame.id {
        0x61 => BRAKE,
        0x63 => THROTTLE,
        0x65 => STEERING,
        0x67 => GEAR,
        0x69 => MISC,
        0x6A => WHEEL_SPEED,
        0x6B => ACCELERATION,
        0x6C => GYRO,
        0x6D => GPS_POSITION,
        0x6E => GPS_TIME,
        0x6F => GPS_MOTION,
        0x71 => TYRE_PRESSURE,
        0x72 => FUEL,
        0x74 => BRAKE_INFO,
        0x75 => THROTTLE_INFO,
        // The version frame says first whose version it carries.
        0x7F => match frame.data[0] {
            1 => BRAKE_VERSION,
            2 => THROTTLE_VERSION,
            3 => STEERING_VERSION,
            _ => &[],
        },
        _ => &[],
    }
}

const BRAKE: &[Signal] = &[
    whole(0, 16, |d, raw| brake(d).brake_input = Some(pedal_pct(raw))),
    whole(16, 16, |d, raw| brake(d).brake_cmd = Some(pedal_pct(raw))),
    whole(32, 16, |d, raw| brake(d).brake_output = Some(pedal_pct(raw))),
    // Quirk: the vendor's bit 48 is the lamp's output and bit 50 its input.
    flag(48, |d, on| brake(d).boo_input = Some(on)),
    flag(49, |d, on| brake(d).boo_cmd = Some(on)),
    flag(50, |d, on| brake(d).boo_output = Some(on)),
    flag(51, |d, on| brake(d).watchdog_applying_brakes = Some(on)),
    whole(52, 4, |d, code| brake(d).watchdog_source = Some(code)),
    flag(56, |d, on| brake(d).brake_enabled = Some(on)),
    flag(57, |d, on| {
        brake(d).driver_override = Some(on);
        online(d).is_esp_online = Some(!on);
    }),
    flag(58, |d, on| brake(d).driver_activity = Some(on)),
    flag(59, |d, on| brake(d).watchdog_fault = Some(on)),
    flag(60, |d, on| brake(d).channel_1_fault = Some(on)),
    flag(61, |d, on| brake(d).channel_2_fault = Some(on)),
    // Quirk: the vendor's bit 62 is a power fault, and on newer firmware bit 63 a command time-out.
    flag(62, |d, on| brake(d).boo_fault = Some(on)),
    flag(63, |d, on| brake(d).connector_fault = Some(on)),
];

const THROTTLE: &[Signal] = &[
    whole(0, 16, |d, raw| gas(d).throttle_input = Some(pedal_pct(raw))),
    whole(16, 16, |d, raw| gas(d).throttle_cmd = Some(pedal_pct(raw))),
    whole(32, 16, |d, raw| gas(d).throttle_output = Some(pedal_pct(raw))),
    whole(52, 4, |d, code| gas(d).watchdog_source = Some(code)),
    flag(56, |d, on| gas(d).throttle_enabled = Some(on)),
    flag(57, |d, on| {
        gas(d).driver_override = Some(on);
        online(d).is_vcu_online = Some(!on);
    }),
    flag(58, |d, on| gas(d).driver_activity = Some(on)),
    flag(59, |d, on| gas(d).watchdog_fault = Some(on)),
    flag(60, |d, on| gas(d).channel_1_fault = Some(on)),
    flag(61, |d, on| gas(d).channel_2_fault = Some(on)),
    flag(63, |d, on| gas(d).connector_fault = Some(on)),
];

const STEERING: &[Signal] = &[
    whole(0, 16, |d, raw| {
        eps(d).is_steering_angle_valid = Some(true);
        eps(d).steering_angle = Some(steering_deg(raw));
    }),
    whole(16, 16, |d, raw| eps(d).steering_angle_cmd = Some(steering_deg(raw))),
    // Unsigned, in 0.01 km/h: a car that rolls backwards reads forwards.
    number(32, 16, 0.01, |d, speed_kph| {
        let speed_mps = speed_kph / 3.6;
        eps(d).vehicle_speed = Some(speed_mps);
        speed(d).vehicle_spd = Some(speed_mps);
        speed(d).is_vehicle_spd_valid = Some(true);
    }),
    signed_number(48, 8, 0.0625, |d, torque_nm| eps(d).epas_torque = Some(torque_nm)),
    flag(56, |d, on| eps(d).steering_enabled = Some(on)),
    flag(57, |d, on| {
        eps(d).driver_override = Some(on);
        online(d).is_eps_online = Some(!on);
    }),
    flag(58, |d, on| eps(d).driver_activity = Some(on)),
    flag(59, |d, on| eps(d).watchdog_fault = Some(on)),
    flag(60, |d, on| eps(d).channel_1_fault = Some(on)),
    flag(61, |d, on| eps(d).channel_2_fault = Some(on)),
    flag(62, |d, on| eps(d).calibration_fault = Some(on)),
    flag(63, |d, on| eps(d).connector_fault = Some(on)),
];

const GEAR: &[Signal] = &[
    whole(0, 3, |d, code| gear(d).gear_state = Some(gear_position(code).into())),
    // Quirk: a shift is called valid if the computer asked for it, whatever the position.
    flag(3, |d, on| {
        gear(d).driver_override = Some(on);
        gear(d).is_shift_position_valid = Some(!on);
    }),
    whole(4, 3, |d, code| gear(d).gear_cmd = Some(gear_position(code).into())),
    flag(7, |d, on| gear(d).canbus_fault = Some(on)),
];

const MISC: &[Signal] = &[
    // Quirk: a code that is neither off, left nor right leaves the last one standing.
    whole(0, 2, |d, code| {
        if code <= TurnLightType::TurnRightOn as i32 {
            light(d).turn_light_type = Some(code);
        }
    }),
    whole(2, 2, |d, code| light(d).lincoln_lamp_type = Some(code)),
    whole(4, 4, |d, code| light(d).lincoln_wiper = Some(code)),
    whole(8, 3, |d, code| {
        let ambient = LincolnAmbientType::try_from(code).unwrap_or(LincolnAmbientType::AmbientInvalid);
        light(d).lincoln_ambient = Some(ambient.into());
    }),
    flag(11, |d, on| basic(d).acc_on_button = Some(on)),
    flag(12, |d, on| basic(d).acc_off_button = Some(on)),
    flag(13, |d, on| basic(d).acc_res_button = Some(on)),
    flag(14, |d, on| basic(d).acc_cancel_button = Some(on)),
    flag(16, |d, on| basic(d).acc_on_off_button = Some(on)),
    flag(17, |d, on| basic(d).acc_res_cancel_button = Some(on)),
    flag(18, |d, on| basic(d).acc_inc_spd_button = Some(on)),
    flag(19, |d, on| basic(d).acc_dec_spd_button = Some(on)),
    flag(20, |d, on| basic(d).acc_inc_gap_button = Some(on)),
    flag(21, |d, on| basic(d).acc_dec_gap_button = Some(on)),
    flag(22, |d, on| basic(d).lka_button = Some(on)),
    flag(23, |d, on| basic(d).canbus_fault = Some(on)),
    // The driver's door is told closed, the others open.
    flag(24, |d, open| safety(d).is_driver_car_door_close = Some(!open)),
    flag(25, |d, open| safety(d).is_passenger_door_open = Some(open)),
    flag(26, |d, open| safety(d).is_rearleft_door_open = Some(open)),
    flag(27, |d, open| safety(d).is_rearright_door_open = Some(open)),
    flag(28, |d, open| safety(d).is_hood_open = Some(open)),
    flag(29, |d, open| safety(d).is_trunk_open = Some(open)),
    flag(30, |d, on| safety(d).is_passenger_detected = Some(on)),
    flag(31, |d, on| safety(d).is_passenger_airbag_enabled = Some(on)),
    flag(32, |d, on| safety(d).is_driver_buckled = Some(on)),
    flag(33, |d, on| safety(d).is_passenger_buckled = Some(on)),
];

/// Quirk: unsigned, where the vendor's are signed: a wheel that turns backwards reads above 327 rad/s.
const WHEEL_SPEED: &[Signal] = &[
    number(0, 16, 0.01, |d, rps| {
        speed(d).is_wheel_spd_fl_valid = Some(true);
        speed(d).wheel_spd_fl = Some(rps);
    }),
    number(16, 16, 0.01, |d, rps| {
        speed(d).is_wheel_spd_fr_valid = Some(true);
        speed(d).wheel_spd_fr = Some(rps);
    }),
    number(32, 16, 0.01, |d, rps| {
        speed(d).is_wheel_spd_rl_valid = Some(true);
        speed(d).wheel_spd_rl = Some(rps);
    }),
    number(48, 16, 0.01, |d, rps| {
        speed(d).is_wheel_spd_rr_valid = Some(true);
        speed(d).wheel_spd_rr = Some(rps);
    }),
];

const ACCELERATION: &[Signal] = &[
    signed_number(0, 16, 0.01, |d, mps2| speed(d).lat_acc = Some(mps2)),
    signed_number(16, 16, 0.01, |d, mps2| speed(d).long_acc = Some(mps2)),
    signed_number(32, 16, 0.01, |d, mps2| speed(d).vert_acc = Some(mps2)),
];

const GYRO: &[Signal] = &[
    signed_number(0, 16, 0.0002, |d, rps| speed(d).roll_rate = Some(rps)),
    signed_number(16, 16, 0.0002, |d, rps| {
        speed(d).is_yaw_rate_valid = Some(true);
        speed(d).yaw_rate = Some(rps);
    }),
];

const GPS_POSITION: &[Signal] = &[
    signed_whole(0, 31, |d, raw| basic(d).latitude = Some(gps_deg(raw))),
    signed_whole(32, 31, |d, raw| basic(d).longitude = Some(gps_deg(raw))),
    flag(63, |d, on| basic(d).gps_valid = Some(on)),
];

const GPS_TIME: &[Signal] = &[
    whole(0, 7, |d, year| basic(d).year = Some(year)),
    whole(8, 4, |d, month| basic(d).month = Some(month)),
    whole(16, 5, |d, day| basic(d).day = Some(day)),
    whole(24, 5, |d, hours| basic(d).hours = Some(hours)),
    whole(32, 6, |d, minutes| basic(d).minutes = Some(minutes)),
    whole(40, 6, |d, seconds| basic(d).seconds = Some(seconds)),
    number(48, 4, 45.0, |d, deg| basic(d).compass_direction = Some(deg)),
    number(56, 5, 0.2, |d, pdop| basic(d).pdop = Some(pdop)),
    flag(61, |d, on| basic(d).is_gps_fault = Some(on)),
    flag(62, |d, on| basic(d).is_inferred = Some(on)),
];

const GPS_MOTION: &[Signal] = &[
    signed_number(0, 16, 0.25, |d, altitude_m| basic(d).altitude = Some(altitude_m)),
    number(16, 16, 0.01, |d, heading_deg| basic(d).heading = Some(heading_deg)),
    // Miles per hour on the wire.
    number(32, 8, 0.44704, |d, speed_mps| basic(d).gps_speed = Some(speed_mps)),
    number(40, 5, 0.2, |d, hdop| basic(d).hdop = Some(hdop)),
    number(48, 5, 0.2, |d, vdop| basic(d).vdop = Some(vdop)),
    // Codes above 2 are FIX_INVALID, 3.
    whole(56, 3, |d, code| basic(d).quality = Some(code.min(3))),
    whole(59, 5, |d, count| basic(d).num_satellites = Some(count)),
];

const TYRE_PRESSURE: &[Signal] = &[
    whole(0, 16, |d, kpa| safety(d).front_left_tire_press = Some(kpa)),
    whole(16, 16, |d, kpa| safety(d).front_right_tire_press = Some(kpa)),
    whole(32, 16, |d, kpa| safety(d).rear_left_tire_press = Some(kpa)),
    whole(48, 16, |d, kpa| safety(d).rear_right_tire_press = Some(kpa)),
];

const FUEL: &[Signal] = &[signed_number(0, 16, 0.108696, |d, percent| {
    d.battery.get_or_insert_default().fuel_level = Some(percent);
})];

const BRAKE_INFO: &[Signal] = &[
    whole(0, 12, |d, raw| brake(d).brake_torque_req = Some(raw * 4)),
    whole(12, 3, |d, code| brake(d).hsa_status = Some(code)),
    flag(15, |d, on| speed(d).is_vehicle_standstill = Some(on)),
    whole(16, 12, |d, raw| brake(d).brake_torque_act = Some(raw * 4)),
    whole(28, 2, |d, code| brake(d).hsa_mode = Some(code)),
    whole(30, 2, |d, code| d.epb.get_or_insert_default().parking_brake_status = Some(code)),
    signed_whole(32, 14, |d, raw| brake(d).wheel_torque_act = Some(raw * 4)),
    signed_number(48, 10, 0.035, |d, mps2| speed(d).acc_est = Some(mps2)),
    flag(58, |d, on| esp(d).is_abs_active = Some(on)),
    flag(59, |d, on| esp(d).is_abs_enabled = Some(on)),
    flag(60, |d, on| esp(d).is_stab_active = Some(on)),
    flag(61, |d, on| esp(d).is_stab_enabled = Some(on)),
    flag(62, |d, on| esp(d).is_trac_active = Some(on)),
    flag(63, |d, on| esp(d).is_trac_enabled = Some(on)),
];

const THROTTLE_INFO: &[Signal] = &[
    number(0, 16, 0.25, |d, rpm| d.ems.get_or_insert_default().engine_rpm = Some(rpm)),
    number(16, 10, 0.1, |d, percent| gas(d).accelerator_pedal = Some(percent)),
    // Quirk: half of the positive half is read negative; the vendor's is a plain signed byte.
    whole(32, 8, |d, raw| {
        let signed = if raw > 0x3F { raw - 0x100 } else { raw };
        gas(d).accelerator_pedal_rate = Some(f64::from(signed) * 0.04);
    }),
];

const BRAKE_VERSION: &[Signal] = &[
    whole(16, 16, |d, number| brake(d).major_version = Some(number)),
    whole(32, 16, |d, number| brake(d).minor_version = Some(number)),
    whole(48, 16, |d, number| brake(d).build_number = Some(number)),
];

const THROTTLE_VERSION: &[Signal] = &[
    whole(16, 16, |d, number| gas(d).major_version = Some(number)),
    whole(32, 16, |d, number| gas(d).minor_version = Some(number)),
    whole(48, 16, |d, number| gas(d).build_number = Some(number)),
];

const STEERING_VERSION: &[Signal] = &[
    whole(16, 16, |d, number| eps(d).major_version = Some(number)),
    whole(32, 16, |d, number| eps(d).minor_version = Some(number)),
    whole(48, 16, |d, number| eps(d).build_number = Some(number)),
];

fn pedal_pct(raw: i32) -> f64 {
    (100.0 * f64::from(raw) * super::PEDAL_PER_BIT).clamp(0.0, 100.0)
}

/// Quirk: raw 0x8000 itself is read as positive.
fn steering_deg(raw: i32) -> f64 {
    let signed = if raw > 0x8000 { raw - 0x1_0000 } else { raw };
    f64::from(signed) * 0.1
}

fn gps_deg(raw: i32) -> f64 {
    f64::from(raw) * (1.0 / 3.0) * 1e-6
}

pub(super) fn gear_position(code: i32) -> GearPosition {
    match code {
        0 => GearPosition::GearNone,
        1 => GearPosition::GearParking,
        2 => GearPosition::GearReverse,
        3 => GearPosition::GearNeutral,
        4 => GearPosition::GearDrive,
        5 => GearPosition::GearLow,
        _ => GearPosition::GearInvalid,
    }
}

const fn number(start: u8, bits: u8, scale: f64, put: fn(&mut ChassisDetail, f64)) -> Signal {
    Signal { at: SignalLayout::unsigned(start, bits, scale), put: Put::Number(put) }
}

const fn signed_number(start: u8, bits: u8, scale: f64, put: fn(&mut ChassisDetail, f64)) -> Signal {
    Signal { at: SignalLayout::signed(start, bits, scale), put: Put::Number(put) }
}

const fn whole(start: u8, bits: u8, put: fn(&mut ChassisDetail, i32)) -> Signal {
    Signal { at: SignalLayout::unsigned(start, bits, 1.0), put: Put::Whole(put) }
}

const fn signed_whole(start: u8, bits: u8, put: fn(&mut ChassisDetail, i32)) -> Signal {
    Signal { at: SignalLayout::signed(start, bits, 1.0), put: Put::Whole(put) }
}

const fn flag(bit: u8, put: fn(&mut ChassisDetail, bool)) -> Signal {
    Signal { at: SignalLayout::flag(bit), put: Put::Flag(put) }
}

fn basic(detail: &mut ChassisDetail) -> &mut BasicInfo {
    detail.basic.get_or_insert_default()
}

pub(super) fn brake(detail: &mut ChassisDetail) -> &mut Brake {
    detail.brake.get_or_insert_default()
}

pub(super) fn eps(detail: &mut ChassisDetail) -> &mut Eps {
    detail.eps.get_or_insert_default()
}

pub(super) fn esp(detail: &mut ChassisDetail) -> &mut Esp {
    detail.esp.get_or_insert_default()
}

pub(super) fn gas(detail: &mut ChassisDetail) -> &mut Gas {
    detail.gas.get_or_insert_default()
}

pub(super) fn gear(detail: &mut ChassisDetail) -> &mut Gear {
    detail.gear.get_or_insert_default()
}

pub(super) fn light(detail: &mut ChassisDetail) -> &mut Light {
    detail.light.get_or_insert_default()
}

pub(super) fn online(detail: &mut ChassisDetail) -> &mut CheckResponseSignal {
    detail.check_response.get_or_insert_default()
}

pub(super) fn safety(detail: &mut ChassisDetail) -> &mut Safety {
    detail.safety.get_or_insert_default()
}

pub(super) fn speed(detail: &mut ChassisDetail) -> &mut VehicleSpd {
    detail.vehicle_spd.get_or_insert_default()
}
