//! What a link has seen, for the report.

/// Counts of one link, over all its peers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames given to peers (each peer counts).
    pub sent: u64,
    /// Frames from peers that were put on the bus.
    pub received: u64,
    /// Frames for peers that were dropped because the peer did not read.
    pub dropped: u64,
    /// Frames from peers that were not taken: the channel was closed, or more came than the bus carries.
    pub refused: u64,
    /// Frames of a kind that the bus does not carry: 29-bit identifiers, remote, CAN FD.
    pub unsupported: u64,
    /// Messages or lines that made no sense.
    pub malformed: u64,
    /// Times that the peer asked for another bit rate than that of the bus.
    pub wrong_bit_rate: u64,
    /// Times that a peer refused what it was sent.
    pub refused_by_peer: u64,
    /// Peers that have come.
    pub connects: u64,
    /// Peers that have gone.
    pub disconnects: u64,
    /// Peers that were turned away since there were too many.
    pub turned_away: u64,
    /// Messages of other machines to a multicast group that this link shares with this machine only.
    pub foreign: u64,
    /// Error frames of a CAN controller.
    pub bus_errors: u64,
    /// Times that the system refused to send, receive or write.
    pub io_errors: u64,
}

/// One link's report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkReport {
    /// Name of the link; a pseudo-terminal with its path.
    pub name: String,
    /// Its counts.
    pub counters: Counters,
    /// Why the link can no longer be used, if so.
    pub error: Option<String>,
}

impl Counters {
    /// Every count with its name.
    pub fn named(&self) -> [(&'static str, u64); 14] {
        [
            ("sent", self.sent),
            ("received", self.received),
            ("dropped", self.dropped),
            ("refused", self.refused),
            ("unsupported", self.unsupported),
            ("malformed", self.malformed),
            ("wrong_bit_rate", self.wrong_bit_rate),
            ("refused_by_peer", self.refused_by_peer),
            ("connects", self.connects),
            ("disconnects", self.disconnects),
            ("turned_away", self.turned_away),
            ("foreign", self.foreign),
            ("bus_errors", self.bus_errors),
            ("io_errors", self.io_errors),
        ]
    }
}

impl LinkReport {
    /// What a reader of the result should know, one sentence each.
    pub fn sentences(&self) -> Vec<String> {
        let c = &self.counters;
        let lines = [
            (c.dropped, "frames for a peer were dropped because it did not read them in time"),
            (
                c.refused,
                "frames of a peer were not sent: its channel was closed, or more came than the bus carries",
            ),
            (
                c.unsupported,
                "frames of a peer were passed by: the bus carries data frames with 11-bit identifiers",
            ),
            (c.malformed, "messages of a peer made no sense and were discarded"),
            (c.wrong_bit_rate, "times a peer asked for another bit rate; the bus has 500 kbit/s"),
            (c.turned_away, "peers were turned away: too many at a time"),
            (c.foreign, "messages of other machines were ignored: the name of the link gives it no hops"),
            (c.bus_errors, "error frames came from the CAN controller"),
            (c.io_errors, "times the system refused to send, receive or write"),
        ];
        let counted = lines.iter().filter(|(count, _)| *count > 0);
        let counted = counted.map(|(count, words)| format!("link {}: {count} {words}", self.name));
        counted.chain(self.error.iter().map(|error| format!("link {}: {error}", self.name))).collect()
    }
}
