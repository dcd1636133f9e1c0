"""Message classes of Apollo's ROS for stock rospy: a protobuf travels as a ROS string, named by its type."""
import hashlib
import struct

import genpy


def message(name):
    """The class of pb_msgs/NAME; its field `data` holds the protobuf bytes."""
    datatype = "pb_msgs/" + name

    class Protobuf(genpy.Message):
        __slots__ = ["data"]
        _slot_types = ["string"]
        _type = datatype
        _md5sum = hashlib.md5(datatype.encode()).hexdigest()
        _full_text = "protobuf"
        _has_header = False

        def __init__(self, data=b""):
            self.data = data

        def serialize(self, buff):
            buff.write(struct.pack("<I", len(self.data)) + self.data)

        def deserialize(self, text):
            (length,) = struct.unpack_from("<I", text)
            if length != len(text) - 4:
                raise genpy.DeserializationError("inner length %d of %d bytes" % (length, len(text)))
            self.data = bytes(text[4:])
            return self

    return Protobuf
