"""Decodes a NovAtel stream by struct alone: framing, CRC and bodies from the interface's description.

One line a log on standard output: id, week, milliseconds, then every field; floats as hexadecimal, so that no digit is lost.
A log as text must say what the binary one before it says, to its last digit.
"""

import struct
import sys

BODIES = {  # id: format of the body
    42: "<IIdddfI3f4sff8B", 1429: "<IIdddfI3f4sff8B", 47: "<IIdddfI3f4sff8B",
    99: "<IIffdddf", 1430: "<IIffdddf", 100: "<IIffdddf",
    507: "<I10dI", 508: "<I10dI", 1067: "<I10dI",
    812: "<I7d", 813: "<I7d",
    264: "<Id27d", 320: "<Id27d",
    1465: "<II3df6d9fIH",
    1461: "<BBHdI6i", 1462: "<BBHdI6i",
}

NAMES = {
    "BESTPOS": 42, "BESTGNSSPOS": 1429, "PSRPOS": 47, "BESTVEL": 99, "BESTGNSSVEL": 1430, "PSRVEL": 100, "INSPVA": 507,
    "INSPVAS": 508, "MARK1PVA": 1067, "CORRIMUDATA": 812, "CORRIMUDATAS": 813, "INSCOV": 264, "INSCOVS": 320,
    "INSPVAX": 1465, "RAWIMUX": 1461, "RAWIMUSX": 1462,
}
ENUMERATIONS = {  # value: what it is called, as solution status, position type, status of the INS, datum
    0: ("SOL_COMPUTED", "NONE", "INS_INACTIVE"), 1: ("INSUFFICIENT_OBS", "INS_ALIGNING"), 2: ("INS_HIGH_VARIANCE",),
    3: ("INS_SOLUTION_GOOD",), 6: ("INS_SOLUTION_FREE",), 7: ("INS_ALIGNMENT_COMPLETE",), 8: ("DOPPLER_VELOCITY",),
    16: ("SINGLE",), 17: ("PSRDIFF",), 34: ("NARROW_FLOAT",), 50: ("NARROW_INT",), 53: ("INS_PSRSP",),
    54: ("INS_PSRDIFF",), 55: ("INS_RTKFLOAT",), 56: ("INS_RTKFIXED",), 61: ("WGS84",),
}


def check_text(line, last):
    content, crc = line[1:].rsplit("*", 1)
    assert crc32(content.encode("ascii")) == int(crc, 16), line
    header, body = content.split(";")
    header = header.split(",")
    assert header[0].endswith("A") and (line[0] == "%") == (len(header) == 3), line
    identifier = NAMES[header[0][:-1]]
    week, millis, values = last[identifier]
    at = (1, 2) if line[0] == "%" else (5, 6)
    assert (int(header[at[0]]), round(float(header[at[1]]) * 1000)) == (week, millis), line
    fields = body.split(",")
    assert len(fields) == len(values), line
    for field, value in zip(fields, values):
        if isinstance(value, bytes):
            same = field == '"%s"' % value.rstrip(b"\0").decode("ascii")
        elif isinstance(value, float):
            same = abs(float(field) - value) <= 0.5001 * 10.0 ** -len(field.split(".")[1])
        else:
            same = field in ENUMERATIONS.get(value, ()) or field == str(value) or int(field, 16) == value
        assert same, (field, value, line)
    return identifier


def crc32(data):
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xEDB88320 if crc & 1 else 0)
    return crc


def show(value):
    if isinstance(value, bytes):
        return value.hex()
    return value.hex() if isinstance(value, float) else str(value)


def main(stream):
    at = bad = noise = 0
    last = {}
    while at < len(stream):
        if stream[at : at + 3] == b"\xaa\x44\x12":
            identifier, = struct.unpack_from("<H", stream, at + 4)
            length, = struct.unpack_from("<H", stream, at + 8)
            week, millis = struct.unpack_from("<HI", stream, at + 14)
            header = 28
        elif stream[at : at + 3] == b"\xaa\x44\x13":
            length, identifier, week, millis = struct.unpack_from("<BHHI", stream, at + 3)
            header = 12
        elif stream[at : at + 1] in (b"#", b"%"):
            line = stream[at : stream.index(b"\r\n", at)].decode("ascii")
            print("ascii", check_text(line, last))
            at += len(line) + 2
            continue
        elif stream[at : at + 1] == b"$":
            line = stream[at : stream.index(b"\r\n", at)].decode("ascii")
            content, checksum = line[1:].split("*")
            total = 0
            for letter in content:
                total ^= ord(letter)
            assert total == int(checksum, 16), line
            print("text", content)
            at += len(line) + 2
            continue
        else:
            noise += 1
            at += 1
            continue
        end = at + header + length
        if crc32(stream[at:end]) != struct.unpack_from("<I", stream, end)[0]:
            bad += 1
        body = stream[at + header : end]
        assert struct.calcsize(BODIES[identifier]) == length, (identifier, length)
        values = struct.unpack(BODIES[identifier], body)
        last[identifier] = week, millis, values
        print(identifier, week, millis, *map(show, values))
        at = end + 4
    print("crc_errors", bad, "noise", noise)


main(sys.stdin.buffer.read())
