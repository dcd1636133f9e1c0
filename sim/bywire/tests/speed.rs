//! How long the modules take; prints, and asserts nothing about the machine it runs on.
//! `cargo test --release -p skidpad-bywire --test speed -- --ignored --nocapture`

mod common;

use common::Bench;
use skidpad_kernel::SimTime;
use std::hint::black_box;
use std::time::Instant;

#[test]
#[ignore = "a measurement, not a check"]
fn time_of_an_update_and_of_a_transmit() {
    const TICKS: u64 = 2_000_000;
    let mut bench = Bench::new();
    bench.bywire.receive(SimTime::ZERO, &bench.commands(30.0, 14.0, 45.0)[2]);
    let [brake, throttle, steering] = bench.commands(30.0, 14.0, 45.0);

    let start = Instant::now();
    for _ in 0..TICKS {
        // The time stands still, so nothing changes and nothing is due.
        black_box(bench.bywire.update(
            SimTime::from_ms(1),
            black_box(&bench.plant),
            black_box(&bench.driver),
        ));
    }
    let update = start.elapsed();

    let start = Instant::now();
    let mut frames = 0u64;
    for ms in 2..TICKS {
        bench.bywire.transmit(SimTime::from_ms(ms), black_box(&bench.plant), &mut |frame| {
            black_box(frame);
            frames += 1;
        });
    }
    let transmit = start.elapsed();

    let start = Instant::now();
    for ms in 0..TICKS {
        bench.bywire.receive(SimTime::from_ms(ms), black_box(&[brake, throttle, steering][ms as usize % 3]));
    }
    let receive = start.elapsed();
    let ns = |span: std::time::Duration| span.as_nanos() as f64 / TICKS as f64;
    eprintln!(
        "update {:.1} ns; transmit {:.1} ns per tick ({:.0} frames per simulated second); receive {:.1} ns",
        ns(update),
        ns(transmit),
        frames as f64 / (TICKS as f64 * 1e-3),
        ns(receive),
    );
}
