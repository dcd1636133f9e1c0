"""Beside rospy.py."""

class Message:
    __slots__ = []
