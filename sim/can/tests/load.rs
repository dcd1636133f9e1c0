//! Frame times and load of the bus against a wire written down bit by bit, by no code of the bus model.

use proptest::prelude::*;
use skidpad_can::{Bus, Frame, NodeId, frame_bits};
use skidpad_kernel::SimTime;

/// The bits of a frame as they go over the wire: start of frame to end of frame, stuffed, and the intermission.
fn wire(frame: &Frame) -> Vec<u8> {
    let number = |value: u32, bits: u32| (0..bits).rev().map(move |bit| (value >> bit & 1) as u8);
    let mut bits: Vec<u8> = vec![0];
    bits.extend(number(u32::from(frame.id), 11));
    // RTR, IDE, reserved.
    bits.extend([0, 0, 0]);
    bits.extend(number(u32::from(frame.len), 4));
    for byte in &frame.data[..usize::from(frame.len)] {
        bits.extend(number(u32::from(*byte), 8));
    }
    // Bosch CAN 2.0 §3.1.1, bit after bit.
    let mut crc = 0u32;
    for bit in &bits {
        let next = u32::from(*bit) ^ (crc >> 14 & 1);
        crc = crc << 1 & 0x7FFF;
        if next == 1 {
            crc ^= 0x4599;
        }
    }
    bits.extend(number(crc, 15));
    let (mut stuffed, mut run): (Vec<u8>, usize) = (Vec::new(), 0);
    for bit in bits {
        run = if stuffed.last() == Some(&bit) { run + 1 } else { 1 };
        stuffed.push(bit);
        if run == 5 {
            stuffed.push(1 - bit);
            run = 1;
        }
    }
    // CRC delimiter, acknowledged, its delimiter, end of frame, intermission.
    stuffed.extend([1, 0, 1]);
    stuffed.extend([1; 7 + 3]);
    stuffed
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn times_and_load_are_those_of_the_bits_on_the_wire(
        sends in prop::collection::vec((0u64..200_000, 0u16..0x800, prop::collection::vec(prop_oneof![Just(0u8), Just(0xFF), any::<u8>()], 0..=8)), 1..150),
    ) {
        let mut bus = Bus::new(500_000);
        let mut sends = sends;
        sends.sort();
        let mut next = sends.iter().peekable();
        let (mut got, mut total_bits) = (Vec::new(), 0);
        for us in 0..400_000u64 {
            let now = SimTime::from_ns(us * 1000);
            while let Some(delivery) = bus.poll(now) {
                got.push(delivery);
            }
            while let Some((_, id, payload)) = next.next_if(|(at, ..)| *at == us) {
                let frame = Frame::from_payload(*id, payload).unwrap();
                prop_assert_eq!(frame_bits(&frame) as usize + 3, wire(&frame).len());
                total_bits += wire(&frame).len();
                bus.send(now, NodeId(0), frame);
            }
        }
        prop_assert_eq!(got.len(), sends.len());
        let share = total_bits as f64 * 2e-6 / 0.399_999;
        prop_assert!((bus.mean_load() - share).abs() < 1e-9, "{} against {}", bus.mean_load(), share);
        // The fullest aligned tenth of a second, from the instants of delivery.
        let mut windows = [0u64; 5];
        for delivery in &got {
            let (bits, end) = (wire(&delivery.frame).len() as u64, delivery.at.as_ns() + 3 * 2000);
            for at in (end - bits * 2000..end).step_by(2000) {
                windows[(at / 100_000_000) as usize] += 2000;
            }
        }
        let fullest = *windows.iter().max().unwrap() as f64 / 1e8;
        prop_assert!((bus.peak_load() - fullest).abs() < 2000.0 / 1e8 + 1e-12, "{} against {}", bus.peak_load(), fullest);
    }
}
