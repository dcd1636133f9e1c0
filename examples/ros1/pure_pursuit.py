#!/usr/bin/env python3
"""Drives Skidpad's car over ROS 1: pure_pursuit.py MESSAGES
(MESSAGES is made by `skidpad schema messages`; Debian: apt install python3-rospy python3-protobuf).
Beside it, in any order: skidpad run SCENARIO --link ros1 --external control"""
import hashlib, math, struct, sys, time
import genpy, rospy
from google.protobuf import descriptor_pb2, message_factory

with open(sys.argv[1], "rb") as file:
    TYPES = message_factory.GetMessages(descriptor_pb2.FileDescriptorSet.FromString(file.read()).file)

def ros_type(full_name):
    """A message class for rospy: the protobuf travels as a ROS string, the checksum is that of the type's name."""
    protobuf, datatype = TYPES[full_name], "pb_msgs/" + full_name.rsplit(".", 1)[1]
    def serialize(self, buff):
        data = self.pb.SerializeToString()
        buff.write(struct.pack("<I", len(data)) + data)
    def deserialize(self, data):
        self.pb = protobuf.FromString(data[4:])
        return self
    return type(full_name, (genpy.Message,), dict(
        __init__=lambda self, pb=None: setattr(self, "pb", pb or protobuf()), serialize=serialize,
        deserialize=deserialize, _type=datatype, _md5sum=hashlib.md5(datatype.encode()).hexdigest(),
        _full_text="protobuf", _has_header=False, __slots__=["pb"], _slot_types=["string"]))

WHEELBASE_M, STEERING_RATIO, MAX_STEERING_WHEEL_DEG = 2.85, 16.0, 470.0
latest, memory = {}, {"sum": 0.0}

def drive(now, pose, speed_mps, start, path):
    """Throttle, brake and steering in %: towards a point of the path ahead, at the speed and place that are due now."""
    x, y = pose.position.x, pose.position.y
    near = min(range(len(path)), key=lambda i: (path[i][0] - x) ** 2 + (path[i][1] - y) ** 2)
    ahead_m = 1.5 + 0.5 * abs(speed_mps)
    aim = next((p for p in path[near:] if math.hypot(p[0] - x, p[1] - y) >= ahead_m), path[-1])
    to_left = math.atan2(aim[1] - y, aim[0] - x) - pose.heading
    wheels = math.atan(2.0 * WHEELBASE_M * math.sin(to_left) / ahead_m)
    steering = 100.0 * math.degrees(wheels) * STEERING_RATIO / MAX_STEERING_WHEEL_DEG
    _, _, due_mps, due_mps2, due_s, _ = min(path, key=lambda p: abs(start + p[5] - now))
    if due_mps < 0.02 and speed_mps < 0.3:
        return 0.0, 30.0, steering
    error = due_mps + 0.6 * (due_s - path[near][4]) - speed_mps
    memory["sum"] = max(-3.0, min(3.0, memory["sum"] + 0.01 * error))
    wanted_mps2 = due_mps2 + error + 0.3 * memory["sum"]
    if wanted_mps2 < -0.15:
        return 0.0, 20.0 - 3.5 * wanted_mps2, steering
    return 17.0 + 0.4 * speed_mps + 5.0 * wanted_mps2, 0.0, steering

def remember(name):
    return lambda message: latest.__setitem__(name, message.pb)

def remember_path(message):
    points = message.pb.adc_trajectory_point
    path = [(p.x, p.y, p.speed, p.acceleration_s, p.accumulated_s, p.relative_time) for p in points]
    latest["path"] = (message.pb.header.timestamp_sec, path) if path else latest.get("path")

rospy.init_node("control")
for topic, name, callback in [("/apollo/localization/pose", "localization.LocalizationEstimate", remember("pose")),
                              ("/apollo/canbus/chassis", "canbus.Chassis", remember("chassis")),
                              ("/apollo/planning", "planning.ADCTrajectory", remember_path),
                              ("/apollo/control/pad", "control.PadMessage", remember("pad"))]:
    rospy.Subscriber(topic, ros_type("apollo." + name), callback, queue_size=10, tcp_nodelay=True)
Command = ros_type("apollo.control.ControlCommand")
publisher, number, due = rospy.Publisher("/apollo/control", Command, queue_size=10, tcp_nodelay=True), 0, time.monotonic()
while not rospy.is_shutdown():
    number, due = number + 1, max(due + 0.01, time.monotonic() - 0.1)
    time.sleep(max(0.0, due - time.monotonic()))
    message = Command()
    command = message.pb
    command.steering_rate, command.gear_location, command.throttle, command.brake = 100.0, 1, 0.0, 30.0
    command.header.timestamp_sec, command.header.sequence_num, command.header.module_name = time.time(), number, "control"
    if latest.get("path") and "pose" in latest and "chassis" in latest:
        command.throttle, command.brake, command.steering_target = drive(
            time.time(), latest["pose"].pose, latest["chassis"].speed_mps, *latest["path"])
    if "pad" in latest:  # the operator presses RESET, then START: canbus hears of it from control, once each
        command.pad_msg.CopyFrom(latest.pop("pad"))
    publisher.publish(message)
