"""A stack in lock-step that brakes, of Python's own library alone: lockstep.py unix:PATH|tcp:ADDRESS:PORT [STEP DEED]

In this step it does a deed: `wait` (says nothing more), `half` (says half an answer, then nothing), `stop` (is stopped, as
by a debugger; if it goes on, it answers). It says so on standard output first, and `half` once it is said. DEED `mute` says
nothing from the start; DEED `called` only tells that it has connected."""
import os, signal, socket, struct, sys, time

def varint(number):
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])

def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content

def fields(data):
    """The fields of an encoded message: (number, value)."""
    at = 0
    def integer():
        nonlocal at
        value = shift = 0
        while True:
            byte, at = data[at], at + 1
            value, shift = value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value
    while at < len(data):
        key = integer()
        if key & 7 == 0:
            yield key >> 3, integer()
        else:
            length = {1: 8, 5: 4}.get(key & 7) or integer()
            yield key >> 3, data[at:at + length]
            at += length

def say(wire, content):
    wire.sendall(struct.pack("<I", len(content)) + content)

kind, address = sys.argv[1].split(":", 1)
at_step, deed = (int(sys.argv[2]), sys.argv[3]) if len(sys.argv) > 3 else (0, "")
wire = socket.socket(socket.AF_UNIX) if kind == "unix" else socket.create_connection(address.rsplit(":", 1))
if kind == "unix":
    wire.connect(address)
stream = wire.makefile("rb")
if deed == "called":
    print("called", flush=True)
while True:
    content, = fields(stream.read(struct.unpack("<I", stream.read(4))[0]))
    kind, message = content[0], list(fields(content[1]))
    if kind == 1 and deed != "mute":  # Hello
        say(wire, field(1, b"\x08\x01" + field(2, b"brakes")))
    elif kind == 1:
        print("mute", flush=True)
    elif kind == 3:  # Bye
        verdict, reason = dict(message).get(1, 0), bytes(dict(message).get(2, b"")).decode()
        print(f"bye {verdict} {reason}", flush=True)
        sys.exit(0)
    elif kind == 2:  # Step
        number, pad = dict(message)[1], b""
        for key, value in message:
            topic_and_data = dict(fields(value)) if key == 3 else {}
            if topic_and_data.get(1) == b"/apollo/control/pad":
                pad = field(25, bytes(topic_and_data[2]))
        command = b"\x21" + struct.pack("<d", 30.0) + pad  # brake 30 %, and the operator's press passed on
        published = field(1, b"/apollo/control") + field(2, command)
        answer = field(2, b"\x08" + varint(number) + field(2, published))
        if number == at_step:
            print(f"step {number}", flush=True)
            if deed == "stop":
                os.kill(os.getpid(), signal.SIGSTOP)
            else:
                frame = struct.pack("<I", len(answer)) + answer
                if deed == "half":
                    wire.sendall(frame[:len(frame) // 2])
                    print("half", flush=True)
                time.sleep(1000)
        say(wire, answer)
