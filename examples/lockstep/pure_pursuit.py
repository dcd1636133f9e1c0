#!/usr/bin/env python3
"""Drives Skidpad's car in lock-step (see README.md): pure_pursuit.py unix:PATH|tcp:ADDRESS:PORT MESSAGES"""
import collections, math, socket, struct, sys
from google.protobuf import descriptor_pb2, message_factory

with open(sys.argv[2], "rb") as file:
    TYPES = message_factory.GetMessages(descriptor_pb2.FileDescriptorSet.FromString(file.read()).file)
FromSimulator, FromStack = TYPES["skidpad.lockstep.FromSimulator"], TYPES["skidpad.lockstep.FromStack"]
POSE, CHASSIS, PLANNING, PAD, CONTROL = ("/apollo/localization/pose", "/apollo/canbus/chassis", "/apollo/planning",
                                         "/apollo/control/pad", "/apollo/control")

Point = collections.namedtuple("Point", "x y speed acceleration s time")  # plain, since Python reads it often

def drive(car, now, pose, speed_mps, path, memory):
    """Throttle, brake and steering in %: towards a point of the path ahead, at the speed and place that are due now."""
    x, y = pose.position.x, pose.position.y
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
    memory["sum"] = max(-3.0, min(3.0, memory["sum"] + 0.01 * error))
    wanted_mps2 = due.acceleration + error + 0.3 * memory["sum"]
    throttle, brake = 17.0 + 0.4 * speed_mps + 5.0 * wanted_mps2, 20.0 - 3.5 * wanted_mps2
    return (0.0, brake, steering) if wanted_mps2 < -0.15 else (throttle, 0.0, steering)

kind, address = sys.argv[1].split(":", 1)
wire = socket.socket(socket.AF_UNIX) if kind == "unix" else socket.create_connection(address.rsplit(":", 1))
if kind == "unix":
    wire.connect(address)
stream, latest, memory = wire.makefile("rwb"), {}, {"sum": 0.0}
while True:
    heard = FromSimulator.FromString(stream.read(struct.unpack("<I", stream.read(4))[0]))
    if heard.HasField("bye"):
        sys.exit(0 if heard.bye.verdict == 1 else f"not passed: {heard.bye.reason}")
    if heard.HasField("hello"):
        hello, types = heard.hello, {topic.name: TYPES[topic.type] for topic in heard.hello.topics}
        answer = FromStack(ready={"version": 1, "name": "pure_pursuit.py", "topics": [POSE, CHASSIS, PLANNING, PAD]})
    else:
        step, now = heard.step, hello.epoch_unix_s + 1e-9 * heard.step.time_ns
        latest.update((message.topic, types[message.topic].FromString(message.data)) for message in step.messages)
        if any(message.topic == PLANNING for message in step.messages):
            path = [Point(p.x, p.y, p.speed, p.acceleration_s, p.accumulated_s, p.relative_time
                          + latest[PLANNING].header.timestamp_sec) for p in latest[PLANNING].adc_trajectory_point]
        command = types[CONTROL](steering_rate=100.0, gear_location=1, throttle=0.0, brake=30.0)
        command.header.timestamp_sec, command.header.sequence_num = now, step.number
        if {POSE, CHASSIS, PLANNING} <= latest.keys():
            command.throttle, command.brake, command.steering_target = drive(
                hello.vehicle, now, latest[POSE].pose, latest[CHASSIS].speed_mps, path, memory)
        if PAD in latest:  # the operator presses RESET, then START: canbus hears of it from control, once each
            command.pad_msg.CopyFrom(latest.pop(PAD))
        message = {"topic": CONTROL, "data": command.SerializeToString()}
        answer = FromStack(commands={"number": step.number, "messages": [message]})
    stream.write(struct.pack("<I", answer.ByteSize()) + answer.SerializeToString())
    stream.flush()
