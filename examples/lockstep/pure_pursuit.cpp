// Drives Skidpad's car in lock-step: pure_pursuit unix:PATH|tcp:ADDRESS:PORT; README.md beside this file tells the rest.
// Needs nothing but C++17 and POSIX sockets: the few protobuf fields that it uses are read and written by hand, with
// their numbers from sim/msgs/proto. A program that uses more of them takes the classes that protoc makes.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

// ---- protobuf -------------------------------------------------------------------------------------------------------

// One field of a message: its number, and its value as a whole number, a double or bytes.
struct Field {
    uint32_t number = 0;
    uint64_t integer = 0;
    double real = 0.0;
    std::string_view bytes;
};

// Reads the fields of a message one after the other.
class Reader {
public:
    explicit Reader(std::string_view bytes) : rest_(bytes) {}

    bool next(Field& field) {
        if (rest_.empty()) return false;
        const uint64_t key = varint();
        field = Field{};
        field.number = static_cast<uint32_t>(key >> 3);
        switch (key & 7) {
        case 0: field.integer = varint(); break;
        case 1: field.real = fixed<double>(); break;
        case 2: field.bytes = take(varint()); break;
        case 5: field.real = fixed<float>(); break;
        default: throw std::runtime_error("a protobuf field of an unknown kind");
        }
        return true;
    }

private:
    std::string_view take(uint64_t length) {
        if (length > rest_.size()) throw std::runtime_error("a protobuf message that ends too early");
        const std::string_view bytes = rest_.substr(0, length);
        rest_.remove_prefix(length);
        return bytes;
    }

    uint64_t varint() {
        uint64_t value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            const auto byte = static_cast<unsigned char>(take(1)[0]);
            value |= static_cast<uint64_t>(byte & 127) << shift;
            if (byte < 128) return value;
        }
        throw std::runtime_error("a protobuf number without an end");
    }

    template <typename T> T fixed() {
        T value;  // little endian, as all machines that this runs on
        std::memcpy(&value, take(sizeof value).data(), sizeof value);
        return value;
    }

    std::string_view rest_;
};

// Writes fields.
struct Writer {
    std::string out;

    void varint(uint64_t value) {
        for (; value > 127; value >>= 7) out.push_back(static_cast<char>(value | 128));
        out.push_back(static_cast<char>(value));
    }
    void integer(uint32_t number, uint64_t value) { varint(number << 3), varint(value); }
    void real(uint32_t number, double value) {
        varint(number << 3 | 1);
        out.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    void bytes(uint32_t number, std::string_view value) {
        varint(number << 3 | 2), varint(value.size());
        out.append(value);
    }
};

// ---- the wire -------------------------------------------------------------------------------------------------------

int connect_to(const std::string& name) {
    int wire = -1;
    if (name.rfind("unix:", 0) == 0) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, name.c_str() + 5, sizeof address.sun_path - 1);
        wire = socket(AF_UNIX, SOCK_STREAM, 0);
        if (connect(wire, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) throw std::runtime_error("nobody listens at " + name);
    } else if (const auto colon = name.rfind(':'); name.rfind("tcp:", 0) == 0 && colon > 3) {
        addrinfo hints{}, *found = nullptr;
        hints.ai_socktype = SOCK_STREAM;
        if (getaddrinfo(name.substr(4, colon - 4).c_str(), name.c_str() + colon + 1, &hints, &found) != 0) throw std::runtime_error("no such address: " + name);
        wire = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
        const int result = connect(wire, found->ai_addr, found->ai_addrlen), on = 1;
        freeaddrinfo(found);
        if (result != 0) throw std::runtime_error("nobody listens at " + name);
        setsockopt(wire, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    } else {
        throw std::runtime_error("usage: pure_pursuit unix:PATH|tcp:ADDRESS:PORT");
    }
    return wire;
}

std::string read_exactly(int wire, size_t length) {
    std::string bytes(length, '\0');
    for (size_t have = 0; have < length;) {
        const ssize_t got = read(wire, bytes.data() + have, length - have);
        if (got <= 0) throw std::runtime_error("the simulator has gone");
        have += static_cast<size_t>(got);
    }
    return bytes;
}

std::string hear(int wire) {
    uint32_t length;
    std::memcpy(&length, read_exactly(wire, sizeof length).data(), sizeof length);
    return read_exactly(wire, length);
}

// One FromStack: Ready is its field 1, Commands field 2.
void say(int wire, uint32_t number, const Writer& content) {
    Writer body;
    body.bytes(number, content.out);
    const auto length = static_cast<uint32_t>(body.out.size());
    std::string frame(reinterpret_cast<const char*>(&length), sizeof length);
    frame += body.out;
    for (size_t sent = 0; sent < frame.size();) {
        const ssize_t now = send(wire, frame.data() + sent, frame.size() - sent, MSG_NOSIGNAL);
        if (now <= 0) throw std::runtime_error("the simulator has gone");
        sent += static_cast<size_t>(now);
    }
}

// ---- the controller -------------------------------------------------------------------------------------------------

struct Car {
    double wheelbase_m = 0, steering_ratio = 0, max_steering_wheel_deg = 0;
};

struct Point {
    double x = 0, y = 0, speed = 0, acceleration = 0, relative_time = 0, s = 0;
};

struct Controller {
    bool has_pose = false, has_chassis = false;
    double x = 0, y = 0, heading = 0, speed_mps = 0, stamp = 0, sum = 0;
    std::vector<Point> path;
    std::string pad;

    void on_message(std::string_view topic, std::string_view data) {
        Reader message(data);
        Field field, inner;
        if (topic == "/apollo/localization/pose") {
            while (message.next(field)) {
                if (field.number != 2) continue;  // LocalizationEstimate.pose
                for (Reader pose(field.bytes); pose.next(inner);) {
                    if (inner.number == 6) heading = inner.real, has_pose = true;
                    if (inner.number != 1) continue;  // Pose.position
                    Field axis;
                    for (Reader position(inner.bytes); position.next(axis);) {
                        if (axis.number == 1) x = axis.real;
                        if (axis.number == 2) y = axis.real;
                    }
                }
            }
        } else if (topic == "/apollo/canbus/chassis") {
            while (message.next(field))
                if (field.number == 5) speed_mps = field.real, has_chassis = true;
        } else if (topic == "/apollo/planning") {
            path.clear();
            while (message.next(field)) {
                if (field.number == 1) {  // header
                    for (Reader header(field.bytes); header.next(inner);)
                        if (inner.number == 1) stamp = inner.real;
                } else if (field.number == 4) {  // adc_trajectory_point
                    Point point;
                    for (Reader reader(field.bytes); reader.next(inner);) {
                        switch (inner.number) {
                        case 1: point.x = inner.real; break;
                        case 2: point.y = inner.real; break;
                        case 6: point.speed = inner.real; break;
                        case 7: point.acceleration = inner.real; break;
                        case 10: point.relative_time = inner.real; break;
                        case 12: point.s = inner.real; break;
                        }
                    }
                    path.push_back(point);
                }
            }
        } else if (topic == "/apollo/control/pad") {
            pad = data;
        }
    }

    // Throttle, brake and steering in %: towards a point of the path ahead, at the speed and place that are due now.
    void drive(const Car& car, double now, double& throttle, double& brake, double& steering) {
        throttle = 0.0, brake = 30.0, steering = 0.0;
        if (!has_pose || !has_chassis || path.empty()) return;
        const auto away_m = [&](const Point& p) { return std::hypot(p.x - x, p.y - y); };
        const auto near = std::min_element(path.begin(), path.end(), [&](auto& a, auto& b) { return away_m(a) < away_m(b); });
        const double ahead_m = 1.5 + 0.5 * std::abs(speed_mps);
        auto aim = std::find_if(near, path.end(), [&](auto& p) { return away_m(p) >= ahead_m; });
        if (aim == path.end()) --aim;
        const double to_left = std::atan2(aim->y - y, aim->x - x) - heading;
        const double wheels = std::atan(2.0 * car.wheelbase_m * std::sin(to_left) / ahead_m);
        steering = 100.0 * (wheels * 180.0 / M_PI) * car.steering_ratio / car.max_steering_wheel_deg;
        const auto late = [&](const Point& p) { return std::abs(stamp + p.relative_time - now); };
        const auto due = std::min_element(path.begin(), path.end(), [&](auto& a, auto& b) { return late(a) < late(b); });
        if (due->speed < 0.02 && speed_mps < 0.3) return;
        const double error = due->speed + 0.6 * (due->s - near->s) - speed_mps;
        sum = std::clamp(sum + 0.01 * error, -3.0, 3.0);
        const double wanted_mps2 = due->acceleration + error + 0.3 * sum;
        brake = wanted_mps2 < -0.15 ? 20.0 - 3.5 * wanted_mps2 : 0.0;
        throttle = brake > 0.0 ? 0.0 : 17.0 + 0.4 * speed_mps + 5.0 * wanted_mps2;
    }
};

int run(const std::string& name) {
    const int wire = connect_to(name);
    Car car;
    double epoch_unix_s = 0;
    Controller controller;
    for (;;) {
        const std::string frame = hear(wire);
        Field content, field, inner;
        if (!Reader(frame).next(content)) throw std::runtime_error("an empty frame");
        Reader message(content.bytes);
        if (content.number == 1) {  // Hello
            while (message.next(field)) {
                if (field.number == 8) epoch_unix_s = field.real;
                if (field.number != 4) continue;  // vehicle
                for (Reader vehicle(field.bytes); vehicle.next(inner);) {
                    if (inner.number == 2) car.wheelbase_m = inner.real;
                    if (inner.number == 3) car.steering_ratio = inner.real;
                    if (inner.number == 4) car.max_steering_wheel_deg = inner.real;
                }
            }
            Writer ready;
            ready.integer(1, 1);  // version
            ready.bytes(2, "pure_pursuit.cpp");
            for (const char* topic : {"/apollo/localization/pose", "/apollo/canbus/chassis", "/apollo/planning", "/apollo/control/pad"})
                ready.bytes(4, topic);
            say(wire, 1, ready);
        } else if (content.number == 2) {  // Step
            uint64_t number = 0;
            double now = epoch_unix_s;
            while (message.next(field)) {
                if (field.number == 1) number = field.integer;
                if (field.number == 2) now += 1e-9 * static_cast<double>(field.integer);
                if (field.number != 3) continue;  // messages
                std::string_view topic, data;
                for (Reader reader(field.bytes); reader.next(inner);) {
                    if (inner.number == 1) topic = inner.bytes;
                    if (inner.number == 2) data = inner.bytes;
                }
                controller.on_message(topic, data);
            }
            double throttle, brake, steering;
            controller.drive(car, now, throttle, brake, steering);
            Writer header, command, published, commands;
            header.real(1, now);
            header.integer(3, number);
            command.bytes(1, header.out);
            command.real(3, throttle);
            command.real(4, brake);
            command.real(6, 100.0);  // steering_rate
            command.real(7, steering);
            command.integer(20, 1);  // GEAR_DRIVE
            // The operator presses RESET, then START: canbus hears of it from control, once each.
            if (!controller.pad.empty()) command.bytes(25, controller.pad), controller.pad.clear();
            published.bytes(1, "/apollo/control");
            published.bytes(2, command.out);
            commands.integer(1, number);
            commands.bytes(2, published.out);
            say(wire, 2, commands);
        } else {  // Bye
            uint64_t verdict = 0;
            std::string reason;
            while (message.next(field)) {
                if (field.number == 1) verdict = field.integer;
                if (field.number == 2) reason = field.bytes;
            }
            if (verdict != 1) std::fprintf(stderr, "not passed: %s\n", reason.c_str());
            return verdict == 1 ? 0 : 1;
        }
    }
}

}  // namespace

int main(int count, char** arguments) {
    try {
        return run(count == 2 ? arguments[1] : "");
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 2;
    }
}
