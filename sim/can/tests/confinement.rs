//! Fault confinement of ISO 11898-1 on the bus, law by law.

use proptest::prelude::*;
use skidpad_can::{
    Bus, Delivery, ErrorState, Frame, FrameEffect, FrameFault, NodeId, StateChange, frame_bits,
};
use skidpad_kernel::{NoiseStream, SimTime};

const A: NodeId = NodeId(0);
const B: NodeId = NodeId(1);
const C: NodeId = NodeId(2);
/// At 500 kbit/s.
const BIT_NS: u64 = 2000;

fn bus() -> Bus {
    let mut bus = Bus::new(500_000);
    [A, B, C].into_iter().for_each(|node| bus.join(node));
    bus
}

/// Every attempt to send this identifier fails until `until`.
fn disturb(bus: &mut Bus, id: u16, until: SimTime) {
    let fault = FrameFault { effect: FrameEffect::Corrupt, ids: Some(vec![id]), share: 1.0, until };
    bus.inject(fault, NoiseStream::new(3, "disturb"));
}

fn drain(bus: &mut Bus, now: SimTime) -> Vec<Delivery> {
    std::iter::from_fn(|| bus.poll(now)).collect()
}

fn frame(id: u16) -> Frame {
    Frame::new(id, [0x55; 8])
}

fn bits(count: u64) -> SimTime {
    SimTime::from_ns(count * BIT_NS)
}

/// A bus on which node A has had `errors` in a row and has nothing more to send; and the instant.
fn after_errors(errors: u64) -> (Bus, SimTime) {
    let mut bus = bus();
    disturb(&mut bus, 0x60, SimTime::from_ms(1000));
    bus.send(SimTime::ZERO, A, frame(0x60));
    let mut us = 0;
    while bus.counters().error_frames < errors {
        us += 1;
        drain(&mut bus, SimTime::from_ns(us * 1000));
    }
    (bus, SimTime::from_ns(us * 1000))
}

#[test]
fn a_transmit_error_costs_the_sender_eight_and_the_others_one_each() {
    let (bus, _) = after_errors(5);
    assert_eq!([A, B, C].map(|node| bus.error_counters(node)), [(40, 0), (0, 5), (0, 5)]);
}

#[test]
fn sixteen_errors_make_the_sender_passive_and_thirty_two_take_it_off() {
    let states = |errors| {
        let (mut bus, now) = after_errors(errors);
        let changes: Vec<ErrorState> = bus.drain_state_changes().map(|change| change.state).collect();
        (bus.error_state(now, A), changes, bus.counters())
    };
    assert_eq!(states(15).0, ErrorState::Active);
    let (state, changes, counters) = states(16);
    assert_eq!(
        (state, changes, counters.error_passives),
        (ErrorState::Passive, vec![ErrorState::Passive], 1)
    );
    let (state, changes, counters) = states(32);
    assert_eq!((state, changes), (ErrorState::Off, vec![ErrorState::Passive, ErrorState::Off]));
    assert_eq!((counters.bus_offs, counters.lost), (1, 1), "what it had to send is lost");
}

#[test]
fn a_success_pays_one_and_a_passive_receiver_is_active_with_the_first_good_frame() {
    let mut bus = bus();
    // A is off after 32 errors; B and C have seen 32 each time.
    let mut us = 0;
    let mut step = |bus: &mut Bus| -> SimTime {
        us += 1;
        drain(bus, SimTime::from_ns(us * 1000));
        SimTime::from_ns(us * 1000)
    };
    disturb(&mut bus, 0x60, SimTime::from_ms(1000));
    let mut now = SimTime::ZERO;
    while bus.error_counters(C).1 < 128 {
        if bus.waiting() == 0 {
            bus.send(now, A, frame(0x60));
        }
        now = step(&mut bus);
    }
    assert_eq!((bus.error_counters(C), bus.error_state(now, C)), ((0, 128), ErrorState::Passive));
    assert_eq!(bus.error_state(now, B), ErrorState::Passive, "it heard the same");
    bus.send(now, B, frame(0x10));
    for _ in 0..500 {
        step(&mut bus);
    }
    let (transmit, receive) = bus.error_counters(C);
    // At 128 the standard sets a value from 119 to 127; A's next attempts count on.
    assert!(transmit == 0 && (127..=132).contains(&receive), "{receive}");
    let mut active = bus.drain_state_changes().filter(|c| c.node == C && c.state == ErrorState::Active);
    assert!(active.next().is_some());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// The counters against the book: what each node's should be by the errors and frames seen from outside.
    #[test]
    fn the_counters_are_those_of_the_book(
        sends in prop::collection::vec((0u64..40_000, 0u8..3), 1..100), disturbed_us in 0u64..60_000,
    ) {
        let mut bus = bus();
        disturb(&mut bus, 0x60, SimTime::from_ns(disturbed_us * 1000));
        let mut sends = sends;
        sends.sort();
        let mut next = sends.iter().peekable();
        let (mut transmit, mut receive, mut off) = ([0u16; 3], [0u16; 3], false);
        let mut errors = 0;
        for us in 0..80_000u64 {
            let now = SimTime::from_ns(us * 1000);
            let deliveries = drain(&mut bus, now);
            off &= bus.is_off(now, A);
            // Only A's frames are disturbed. In one microsecond a frame ends or an attempt fails, not both.
            let failed = bus.counters().error_frames - errors;
            errors += failed;
            let Some((sender, good)) = deliveries.first().map(|d| (d.node, true)).or((failed > 0).then_some((A, false)))
            else {
                while let Some((_, node)) = next.next_if(|(at, _)| *at == us) {
                    bus.send(now, NodeId(*node), frame([0x60, 0x20, 0x70][usize::from(*node)]));
                }
                continue;
            };
            for node in 0..3 {
                if off && node == 0 {
                    continue;
                }
                match (NodeId(node as u8) == sender, good) {
                    (true, true) => transmit[node] = transmit[node].saturating_sub(1),
                    (true, false) => transmit[node] += 8,
                    (false, true) => receive[node] = receive[node].saturating_sub(1).min(127),
                    (false, false) => receive[node] += 1,
                }
            }
            if transmit[0] >= 256 {
                (off, transmit[0], receive[0]) = (true, 0, 0);
            }
            while let Some((_, node)) = next.next_if(|(at, _)| *at == us) {
                bus.send(now, NodeId(*node), frame([0x60, 0x20, 0x70][usize::from(*node)]));
            }
        }
        for node in 0..3 {
            prop_assert_eq!(bus.error_counters(NodeId(node as u8)), (transmit[node], receive[node]), "node {}", node);
        }
    }
}

#[test]
fn a_passive_sender_waits_eight_bits_longer_and_another_may_slip_in() {
    // What ends the disturbance is the first frame that passes; A is passive then and stays so.
    let gap = |errors: u64| {
        let mut bus = bus();
        let mut us = 0;
        disturb(&mut bus, 0x60, SimTime::from_ms(1000));
        bus.send(SimTime::ZERO, A, frame(0x60));
        while bus.counters().error_frames < errors {
            us += 1;
            drain(&mut bus, SimTime::from_ns(us * 1000));
        }
        // Another identifier of the same node is not disturbed.
        let now = SimTime::from_ns(us * 1000);
        bus.send(now, A, frame(0x10));
        bus.send(now, A, frame(0x11));
        let got = drain(&mut bus, now + std::time::Duration::from_micros(900));
        assert_eq!(got[..2].iter().map(|d| d.frame.id).collect::<Vec<_>>(), [0x10, 0x11]);
        got[1].at.since(got[0].at).as_nanos() as u64 / BIT_NS - u64::from(frame_bits(&got[1].frame))
    };
    assert_eq!((gap(3), gap(20)), (3, 3 + 8), "intermission; and suspend transmission");

    let (mut bus, now) = after_errors(20);
    bus.send(now, A, frame(0x10));
    bus.send(now, A, frame(0x11));
    bus.send(now, B, frame(0x7F0));
    let order: Vec<u16> =
        drain(&mut bus, now + std::time::Duration::from_micros(1200)).iter().map(|d| d.frame.id).collect();
    assert_eq!(
        order[..3],
        [0x7F0, 0x10, 0x11],
        "the failed attempt suspends A: the lowest priority goes first"
    );
}

#[test]
fn error_flags_are_answered_unless_everybody_is_passive() {
    // Spacing of two error frames of A on an otherwise silent bus, without the bits of the frame before the disturbance.
    let spacing = |errors: u64| {
        let mut bus = Bus::new(500_000);
        bus.join(A);
        if errors < 40 {
            bus.join(B);
        }
        disturb(&mut bus, 0x60, SimTime::from_ms(1000));
        bus.send(SimTime::ZERO, A, frame(0x60));
        let mut at = Vec::new();
        let mut us = 0;
        while at.len() < 20 {
            us += 1;
            drain(&mut bus, SimTime::from_ns(us * 1000));
            if bus.counters().error_frames > at.len() as u64 {
                at.push(us);
            }
        }
        at
    };
    let (two, alone) = (spacing(0), spacing(99));
    // The same noise disturbs the same bits: A alone, passive after 16 errors, then saves six bits of echo an attempt.
    assert_eq!(two[..16], alone[..16]);
    let saved: Vec<u64> = two[17..].iter().zip(&alone[17..]).map(|(a, b)| a - b).collect();
    for (index, us) in saved.iter().enumerate() {
        assert!(us.abs_diff((index as u64 + 1) * 6 * BIT_NS / 1000) <= 1, "{saved:?}");
    }
}

#[test]
fn a_node_is_back_after_128_times_eleven_recessive_bits() {
    let off_at = |bus: &mut Bus| -> SimTime {
        let change: Option<StateChange> =
            bus.drain_state_changes().find(|change| change.state == ErrorState::Off);
        change.expect("it went off").at
    };
    // Silence.
    let (mut bus, _) = after_errors(32);
    let at = off_at(&mut bus);
    let back = at + std::time::Duration::from_nanos(128 * 11 * BIT_NS);
    assert!(bus.is_off(SimTime::from_ns(back.as_ns() - 1), A) && !bus.is_off(back, A));
    assert_eq!(bus.error_state(back, A), ErrorState::Active);

    // Traffic of B, a frame each 250 bits: counted here in recessive bits, one by one.
    let (mut bus, _) = after_errors(32);
    let at = off_at(&mut bus);
    let first = at.as_ns().div_ceil(BIT_NS) + 10;
    let (mut busy, mut sent) = (Vec::new(), first);
    for _ in 0..200 {
        busy.push((sent, sent + u64::from(frame_bits(&frame(0x20)))));
        sent += 250;
    }
    let (mut run, mut runs, mut bit) = (0, 0, at.as_ns().div_ceil(BIT_NS));
    while runs < 128 {
        // Dominant or unknown up to the acknowledge delimiter, recessive for the last eight bits of a frame and between frames.
        let dominant = busy.iter().any(|(from, to)| *from <= bit && bit < to - 8);
        run = if dominant { 0 } else { run + 1 };
        if run == 11 {
            (run, runs) = (0, runs + 1);
        }
        bit += 1;
    }
    for (from, _) in &busy {
        drain(&mut bus, bits(*from));
        if bits(*from) >= bits(bit) {
            break;
        }
        bus.send(bits(*from), B, frame(0x20));
    }
    let found = (bit - 400..bit + 400).find(|bit| !bus.is_off(bits(*bit), A));
    assert_eq!(found, Some(bit), "back with this bit");
    assert!(bits(bit).as_ns() > at.as_ns() + 128 * 11 * BIT_NS, "later than on a silent bus");
}
