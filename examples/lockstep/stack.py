#!/usr/bin/env python3
"""Fills the seats of control and localization in lock-step, one or both, scenario after scenario (see README.md):
stack.py unix:PATH|tcp:ADDRESS:PORT MESSAGES [PAUSE_MS]
Takes up to PAUSE_MS for an answer, at random: the drive is the same. Exit status 0 if every scenario has passed."""
import collections, math, random, socket, struct, sys, time
from google.protobuf import descriptor_pb2, message_factory

with open(sys.argv[2], "rb") as file:
    TYPES = message_factory.GetMessages(descriptor_pb2.FileDescriptorSet.FromString(file.read()).file)
FromSimulator, FromStack = TYPES["skidpad.lockstep.FromSimulator"], TYPES["skidpad.lockstep.FromStack"]
POSE, CHASSIS, PLANNING, PAD, CONTROL = ("/apollo/localization/pose", "/apollo/canbus/chassis", "/apollo/planning",
                                         "/apollo/control/pad", "/apollo/control")
GPS, IMU = "/apollo/sensor/gnss/odometry", "/apollo/sensor/gnss/corrected_imu"
PAUSE_S = float(sys.argv[3]) / 1000.0 if len(sys.argv) > 3 else 0.0
Point = collections.namedtuple("Point", "x y speed acceleration s time")  # plain, since Python reads it often

class Localization:
    """The newest position and the newest turn rates and accelerations together, as Apollo's RTK localization does."""
    topic, reads = POSE, {GPS, IMU}

    def answer(self, hello, now, number, latest):
        if not {GPS, IMU} <= latest.keys():
            return None
        gps, imu, estimate = latest[GPS], latest[IMU].imu, TYPES["apollo.localization.LocalizationEstimate"]()
        estimate.header.timestamp_sec, estimate.header.sequence_num = now, number
        estimate.measurement_time = gps.header.timestamp_sec
        pose, q = estimate.pose, gps.localization.orientation
        pose.position.CopyFrom(gps.localization.position)
        pose.orientation.CopyFrom(q)
        pose.linear_velocity.CopyFrom(gps.localization.linear_velocity)
        pose.angular_velocity_vrf.CopyFrom(imu.angular_velocity)
        pose.linear_acceleration_vrf.CopyFrom(imu.linear_acceleration)
        # The quaternion turns right, forward, up into east, north, up; heading counts from east.
        yaw = math.atan2(2.0 * (q.qw * q.qz - q.qx * q.qy), 2.0 * (q.qw * q.qw + q.qy * q.qy) - 1.0)
        pose.heading = math.remainder(yaw + math.pi / 2.0, 2.0 * math.pi)
        return estimate

class Control:
    """Pure pursuit towards a point of the path ahead, at the speed and place that are due now."""
    topic, reads = CONTROL, {POSE, CHASSIS, PLANNING, PAD}

    def __init__(self):
        self.sum, self.planned, self.path = 0.0, None, []

    def answer(self, hello, now, number, latest):
        command = TYPES["apollo.control.ControlCommand"](steering_rate=100.0, gear_location=1, throttle=0.0, brake=30.0)
        command.header.timestamp_sec, command.header.sequence_num = now, number
        if {POSE, CHASSIS, PLANNING} <= latest.keys():
            planned = latest[PLANNING]
            if planned is not self.planned:
                self.planned, start = planned, planned.header.timestamp_sec
                self.path = [Point(p.x, p.y, p.speed, p.acceleration_s, p.accumulated_s, start + p.relative_time)
                             for p in planned.adc_trajectory_point]
            command.throttle, command.brake, command.steering_target = self.drive(
                hello.vehicle, now, latest[POSE].pose, latest[CHASSIS].speed_mps)
        if PAD in latest:  # the operator presses RESET, then START: canbus hears of it from control, once each
            command.pad_msg.CopyFrom(latest.pop(PAD))
        return command

    def drive(self, car, now, pose, speed_mps):
        path, x, y = self.path, pose.position.x, pose.position.y
        near = min(range(len(path)), key=lambda i: math.hypot(path[i].x - x, path[i].y - y))
        ahead_m = 1.5 + 0.5 * abs(speed_mps)
        aim = next((p for p in path[near:] if math.hypot(p.x - x, p.y - y) >= ahead_m), path[-1])
        to_left = math.atan2(aim.y - y, aim.x - x) - pose.heading
        wheels = math.atan(2.0 * car.wheelbase_m * math.sin(to_left) / ahead_m)
        steering = 100.0 * math.degrees(wheels) * car.steering_ratio / car.max_steering_wheel_deg
        due = min(path, key=lambda p: abs(p.time - now))
        if due.speed < 0.02 and speed_mps < 0.3:
            return 0.0, 30.0, steering
        error = due.speed + 0.6 * (due.s - path[near].s) - speed_mps
        self.sum = max(-3.0, min(3.0, self.sum + 0.01 * error))
        wanted_mps2 = due.acceleration + error + 0.3 * self.sum
        throttle, brake = 17.0 + 0.4 * speed_mps + 5.0 * wanted_mps2, 20.0 - 3.5 * wanted_mps2
        return (0.0, brake, steering) if wanted_mps2 < -0.15 else (throttle, 0.0, steering)

# In the order in which one hears another.
SEATS = {"localization": Localization, "control": Control}

def connect(name):
    kind, address = name.split(":", 1)
    if kind == "tcp":
        return socket.create_connection(address.rsplit(":", 1)).makefile("rwb")
    wire = socket.socket(socket.AF_UNIX)
    wire.connect(address)
    return wire.makefile("rwb")

def say(stream, **content):
    answer = FromStack(**content).SerializeToString()
    stream.write(struct.pack("<I", len(answer)) + answer)
    stream.flush()

def take_part(stream):
    """One scenario, from Hello to Bye, which is given back; None if Bye comes at once: nothing is left to drive."""
    hello, seats, latest, types = None, [], {}, {}
    while True:
        heard = FromSimulator.FromString(stream.read(struct.unpack("<I", stream.read(4))[0]))
        if heard.HasField("bye"):
            return heard.bye if hello else None
        if heard.HasField("hello"):
            hello, types = heard.hello, {topic.name: TYPES[topic.type] for topic in heard.hello.topics}
            if not set(hello.seats) <= SEATS.keys():
                say(stream, leave={"reason": f"it has control and localization, and is to fill {', '.join(hello.seats)}"})
                continue
            seats = [seat() for name, seat in SEATS.items() if name in hello.seats]
            topics = set().union(*(seat.reads for seat in seats)) - {seat.topic for seat in seats}
            say(stream, ready={"version": 1, "name": "stack.py", "topics": sorted(topics)})
            continue
        step, now = heard.step, hello.epoch_unix_s + 1e-9 * heard.step.time_ns
        latest.update((message.topic, types[message.topic].FromString(message.data)) for message in step.messages)
        messages = []
        for seat in seats:
            said = seat.answer(hello, now, step.number, latest)
            if said is not None:
                latest[seat.topic] = said
                messages.append({"topic": seat.topic, "data": said.SerializeToString()})
        time.sleep(random.uniform(0.0, PAUSE_S))
        say(stream, commands={"number": step.number, "messages": messages})

failed, deadline = 0, time.monotonic() + 30.0
while True:
    try:
        stream = connect(sys.argv[1])
    except (ConnectionRefusedError, FileNotFoundError):
        if deadline is None or time.monotonic() > deadline:
            break  # the simulator has ended, or never came
        time.sleep(0.05)
        continue
    deadline = None
    try:
        bye = take_part(stream)
    except (ConnectionResetError, BrokenPipeError, struct.error):
        break  # it ended just now
    if bye is None:
        break
    if bye.verdict != 1:
        failed += 1
        print(f"not passed: {bye.reason}", file=sys.stderr)
sys.exit(f"{failed} scenarios not passed" if failed else "nobody listened" if deadline else 0)
