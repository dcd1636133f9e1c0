//! What a run has met outside, in the results.

use skidpad_engine::ExternalReport;
use skidpad_links::Met;
use skidpad_report::{LinkResult, OutsideResult, PaceResult, SeatResult, StackResult};

/// What a run has met outside, as numbers.
pub fn numbers(met: &Met) -> OutsideResult {
    let (external, met) = (&met.external, &met.links);
    let link = |name: &str, counts: Vec<(&'static str, u64)>, error: Option<String>| LinkResult {
        name: name.to_owned(),
        counts,
        error,
    };
    let can = met.can.iter().map(|can| link(&can.name, can.counters.named().to_vec(), can.error.clone()));
    let receiver = met.receiver.iter().map(|port| link(&port.name, port.named().to_vec(), None));
    let topics =
        met.topics.iter().map(|topics| link(&topics.name, topics.counts.clone(), topics.error.clone()));
    OutsideResult {
        pace: met.pace.map(|pace| PaceResult {
            ticks: pace.ticks,
            lateness_p50_us: pace.lateness_p50_us,
            lateness_p99_us: pace.lateness_p99_us,
            lateness_max_us: pace.lateness_max_us,
            overruns: pace.overruns,
            control_cycles: pace.cycles,
            missed_control_cycles: pace.missed_cycles,
            given_up_s: pace.given_up_s,
        }),
        realtime_priority: met.realtime.as_ref().map(ToString::to_string),
        stack: external.as_ref().map(stack_result),
        links: can.chain(receiver).chain(topics).collect(),
    }
}

fn stack_result(stack: &ExternalReport) -> StackResult {
    let age_ms =
        |of: fn(&skidpad_engine::CommandAge) -> f64| stack.command_age.as_ref().map(|age| 1e3 * of(age));
    StackResult {
        waited_s: stack.waited_s,
        presses: stack.presses,
        command_age_p50_ms: age_ms(|age| age.p50_s),
        command_age_p99_ms: age_ms(|age| age.p99_s),
        command_age_max_ms: age_ms(|age| age.max_s),
        missed_control_cycles: stack.missed_control_cycles,
        stale_before_start: stack.stale_before_start,
        ignored_messages: stack.ignored_messages,
        seats: stack
            .seats
            .iter()
            .map(|seat| SeatResult {
                seat: seat.seat.name(),
                messages: seat.messages,
                longest_gap_s: seat.longest_gap_s,
            })
            .collect(),
    }
}
