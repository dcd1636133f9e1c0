"""Decodes a NovAtel stream by struct alone: framing, CRC and bodies from the interface's description.

One line a log on standard output: id, week, milliseconds, then every field; floats as hexadecimal, so that no digit is lost.
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
    while at < len(stream):
        if stream[at : at + 3] == b"\xaa\x44\x12":
            identifier, = struct.unpack_from("<H", stream, at + 4)
            length, = struct.unpack_from("<H", stream, at + 8)
            week, millis = struct.unpack_from("<HI", stream, at + 14)
            header = 28
        elif stream[at : at + 3] == b"\xaa\x44\x13":
            length, identifier, week, millis = struct.unpack_from("<BHHI", stream, at + 3)
            header = 12
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
        print(identifier, week, millis, *map(show, struct.unpack(BODIES[identifier], body)))
        at = end + 4
    print("crc_errors", bad, "noise", noise)


main(sys.stdin.buffer.read())
