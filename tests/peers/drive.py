"""A stranger on the CAN bus: enables the by-wire units, drives to 5 m/s, stops, and says what it saw as JSON.

Arguments: interface and channel as python-can names them, the .dbc, then key=value options of the bus.
"""

import json
import sys
import time

import can
import cantools

interface, channel, dbc = sys.argv[1:4]
options = {key: int(value) for key, value in (pair.split("=") for pair in sys.argv[4:])}
if interface == "slcan":
    options["sleep_after_open"] = 0
database = cantools.database.load_file(dbc, strict=True)
bus = can.Bus(interface=interface, channel=channel, **options)


# A multicast group gives its sender's own frames back.
OWN = {database.get_message_by_name(name).frame_id for name in ("BrakeCommand", "ThrottleCommand", "SteeringCommand")}


def send(name, **signals):
    message = database.get_message_by_name(name)
    data = message.encode({s.name: signals.get(s.name, 0) for s in message.signals}, strict=False)
    bus.send(can.Message(arbitration_id=message.frame_id, data=data, is_extended_id=False))


began = time.monotonic()
next_send = began
last_frame = began
heard = False
speed = top = 0.0
gear = None
enabled = set()
ever_enabled = set()
counts = {}
# The longest that the machine has held this program up.
late = 0.0
arrivals = []
achieved_brake = 0.0
try:
    # It goes on until the car has been silent for two seconds: the run is over.
    while time.monotonic() - last_frame < (2.0 if heard else 10.0):
        now = time.monotonic()
        if now >= next_send:
            late = max(late, now - next_send)
            next_send += 0.02
            on = int(now - began > 0.3)
            top_reached = top >= 5.0
            throttle = 0.0 if top_reached or not on else 35.0
            brake = 30.0 if top_reached else 0.0
            send("BrakeCommand", PedalCommand=brake, Enable=on)
            send("ThrottleCommand", PedalCommand=throttle, Enable=on)
            send("SteeringCommand", AngleCommand=0.0, Enable=on)
        message = bus.recv(max(0.0, min(0.02, next_send - time.monotonic())))
        if message is None:
            continue
        if message.arbitration_id not in OWN:
            last_frame = time.monotonic()
            heard = True
        counts[message.arbitration_id] = counts.get(message.arbitration_id, 0) + 1
        try:
            layout = database.get_message_by_frame_id(message.arbitration_id)
        except KeyError:
            continue
        values = layout.decode(bytes(message.data), decode_choices=False)
        if layout.name == "SteeringReport":
            arrivals.append(last_frame)
            speed = values["Speed"] / 3.6
            top = max(top, speed)
        elif layout.name == "BrakeReport":
            achieved_brake = values["PedalOutput"]
        elif layout.name == "GearReport":
            gear = values["Gear"]
        if "Enabled" in values:
            (enabled.add if values["Enabled"] else enabled.discard)(layout.name)
            ever_enabled |= enabled
except (can.CanError, OSError) as error:
    # The other end of a terminal goes away with the simulator.
    print(f"the bus is gone: {error}", file=sys.stderr)
gaps = sorted(abs(b - a - 0.01) for a, b in zip(arrivals, arrivals[1:]))
print(json.dumps({
    "python_can": can.__version__,
    "cantools": cantools.__version__,
    "top_mps": top,
    "final_mps": speed,
    "gear": gear,
    "ever_enabled": sorted(ever_enabled),
    "counts": {f"{id:03X}": count for id, count in sorted(counts.items())},
    "brake_pct": achieved_brake,
    "gap_p99_ms": gaps[int(0.99 * len(gaps))] * 1e3 if gaps else None,
    "late_s": late,
    "seconds": time.monotonic() - began,
}))
