"""The few words of rospy that examples/ros1 uses, over plain sockets: rospy itself hangs under libfaketime."""
import os, socket, struct, threading, xmlrpc.client
from xmlrpc.server import SimpleXMLRPCServer

HOST = "127.0.0.1"
master = xmlrpc.client.ServerProxy(os.environ["ROS_MASTER_URI"])
subscribers, publishers = {}, {}

def in_background(work, *arguments):
    threading.Thread(target=work, args=arguments, daemon=True).start()

def header(**fields):
    fields = [f"{name}={value}".encode() for name, value in fields.items()]
    body = b"".join(struct.pack("<I", len(field)) + field for field in fields)
    return struct.pack("<I", len(body)) + body

def take(stream):
    """One frame; `None` at the end."""
    length = stream.read(4)
    return stream.read(struct.unpack("<I", length)[0]) if len(length) == 4 else None

class Subscriber:
    def __init__(self, topic, kind, callback, queue_size=None, tcp_nodelay=False):
        self.topic, self.kind, self.callback, self.connected = topic, kind, callback, set()
        subscribers[topic] = self
        self.update(master.registerSubscriber(node, topic, kind._type, uri)[2])

    def update(self, publisher_uris):
        for publisher in set(publisher_uris) - self.connected:
            self.connected.add(publisher)
            in_background(self.read, publisher)

    def read(self, publisher):
        try:
            _, host, port = xmlrpc.client.ServerProxy(publisher).requestTopic(node, self.topic, [["TCPROS"]])[2]
            with socket.create_connection((host, port)) as wire, wire.makefile("rb") as stream:
                wire.sendall(header(callerid=node, md5sum=self.kind._md5sum, tcp_nodelay=1, topic=self.topic, type=self.kind._type))
                take(stream)
                while (body := take(stream)) is not None:
                    self.callback(self.kind().deserialize(body))
        except OSError:
            pass  # it comes again by publisherUpdate
        self.connected.discard(publisher)

class Publisher:
    def __init__(self, topic, kind, queue_size=None, tcp_nodelay=False):
        self.topic, self.kind, self.wires, self.socket = topic, kind, [], socket.create_server((HOST, 0))
        publishers[topic] = self
        in_background(self.accept)
        master.registerPublisher(node, topic, kind._type, uri)

    def accept(self):
        while True:
            wire, _ = self.socket.accept()
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            take(wire.makefile("rb"))
            wire.sendall(header(callerid=node, latching=0, md5sum=self.kind._md5sum, message_definition="protobuf", topic=self.topic, type=self.kind._type))
            self.wires.append(wire)

    def publish(self, message):
        parts = []
        message.serialize(type("Buffer", (), {"write": staticmethod(parts.append)}))
        body = b"".join(parts)
        for wire in self.wires[:]:
            try:
                wire.sendall(struct.pack("<I", len(body)) + body)
            except OSError:
                self.wires.remove(wire)

def publisher_update(_caller, topic, publisher_uris):
    if topic in subscribers:
        subscribers[topic].update(publisher_uris)
    return [1, "", 0]

def request_topic(_caller, topic, _protocols):
    return [1, "", ["TCPROS", HOST, publishers[topic].socket.getsockname()[1]]]

def answer(server):
    while True:  # serve_forever() would look at the clock
        server.handle_request()

def init_node(name):
    global node, uri
    server = SimpleXMLRPCServer((HOST, 0), logRequests=False)
    node, uri = "/" + name, f"http://{HOST}:{server.server_address[1]}/"
    server.register_function(publisher_update, "publisherUpdate")
    server.register_function(request_topic, "requestTopic")
    server.register_function(lambda _caller: [1, "", os.getpid()], "getPid")
    in_background(answer, server)

def is_shutdown():
    return False
