//! The seats of the stack, and which of them are outside.

use skidpad_msgs::{Topic, topic};
use skidpad_scenario::{Seat, StackSpec};
use std::fmt;

/// A seat of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SeatId {
    /// Publishes the trajectory.
    Planning,
    /// Publishes the control command.
    Control,
    /// Publishes the pose.
    Localization,
    /// Turns commands into CAN frames and CAN frames into the chassis message.
    Canbus,
    /// Turns the receiver's logs into messages.
    GnssDriver,
}

impl SeatId {
    /// Every seat, in the order of [`StackSpec`].
    pub const ALL: [SeatId; 5] =
        [SeatId::Planning, SeatId::Control, SeatId::Localization, SeatId::Canbus, SeatId::GnssDriver];

    /// Its name in scenarios and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            SeatId::Planning => "planning",
            SeatId::Control => "control",
            SeatId::Localization => "localization",
            SeatId::Canbus => "canbus",
            SeatId::GnssDriver => "gnss_driver",
        }
    }

    /// The topics on which only this seat publishes; by the first it is known to be alive.
    pub const fn topic_names(self) -> &'static [&'static str] {
        match self {
            SeatId::Planning => &["/apollo/planning"],
            SeatId::Control => &["/apollo/control"],
            SeatId::Localization => &["/apollo/localization/pose"],
            SeatId::Canbus => &["/apollo/canbus/chassis", "/apollo/canbus/chassis_detail"],
            SeatId::GnssDriver => &[
                "/apollo/sensor/gnss/odometry",
                "/apollo/sensor/gnss/corrected_imu",
                "/apollo/sensor/gnss/gnss_status",
                "/apollo/sensor/gnss/ins_status",
                "/apollo/sensor/gnss/stream_status",
            ],
        }
    }

    /// The same, as entries of the registry.
    pub fn topics(self) -> impl Iterator<Item = &'static Topic> {
        self.topic_names().iter().filter_map(|name| topic(name))
    }

    /// The seat that publishes on this topic; `None` where anybody may, as on the monitor's and the pad's.
    pub fn of_topic(topic: &Topic) -> Option<SeatId> {
        SeatId::ALL.into_iter().find(|seat| seat.topic_names().contains(&topic.name))
    }
}

impl fmt::Display for SeatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of seats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seats(u8);

impl Seats {
    /// No seat.
    pub const NONE: Seats = Seats(0);

    /// The seats that a scenario gives away.
    pub fn external_in(stack: &StackSpec) -> Seats {
        let filled = [stack.planning, stack.control, stack.localization, stack.canbus, stack.gnss_driver];
        SeatId::ALL
            .into_iter()
            .zip(filled)
            .filter(|(_, by)| *by == Seat::External)
            .map(|(seat, _)| seat)
            .collect()
    }

    /// Whether `seat` is in it.
    pub const fn contains(self, seat: SeatId) -> bool {
        self.0 & (1 << seat as u8) != 0
    }

    /// Whether no seat is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those in either set.
    pub const fn union(self, other: Seats) -> Seats {
        Seats(self.0 | other.0)
    }

    /// This set and `seat`.
    pub const fn with(self, seat: SeatId) -> Seats {
        Seats(self.0 | 1 << seat as u8)
    }

    /// The seats, in the order of [`SeatId::ALL`].
    pub fn iter(self) -> impl Iterator<Item = SeatId> {
        SeatId::ALL.into_iter().filter(move |seat| self.contains(*seat))
    }
}

impl FromIterator<SeatId> for Seats {
    fn from_iter<I: IntoIterator<Item = SeatId>>(seats: I) -> Seats {
        seats.into_iter().fold(Seats::NONE, Seats::with)
    }
}

impl fmt::Display for Seats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(SeatId::name).collect();
        f.write_str(&names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skidpad_msgs::TOPICS;

    #[test]
    fn every_topic_but_the_pad_and_the_monitor_belongs_to_one_seat() {
        for topic in TOPICS {
            let owners =
                SeatId::ALL.into_iter().filter(|seat| seat.topic_names().contains(&topic.name)).count();
            let anybody = ["/apollo/control/pad", "/apollo/monitor"].contains(&topic.name);
            assert_eq!(owners, usize::from(!anybody), "{}", topic.name);
        }
        let known: usize = SeatId::ALL.into_iter().map(|seat| seat.topics().count()).sum();
        assert_eq!(known, TOPICS.len() - 2, "every name is one of the registry");
    }

    #[test]
    fn a_set_of_seats_holds_what_was_put_in() {
        let seats: Seats = [SeatId::GnssDriver, SeatId::Control].into_iter().collect();
        assert_eq!(seats.to_string(), "control, gnss_driver");
        assert!(seats.contains(SeatId::Control) && !seats.contains(SeatId::Canbus));
        let stack =
            StackSpec { control: Seat::External, gnss_driver: Seat::External, ..StackSpec::default() };
        assert_eq!(Seats::external_in(&stack), seats);
        assert!(Seats::external_in(&StackSpec::default()).is_empty());
    }
}
