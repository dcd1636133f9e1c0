//! Watches what comes from outside: is every external seat alive, is what it sends sane, how old is it.

use crate::message::TopicMessage;
use crate::seats::{SeatId, Seats};
use skidpad_kernel::SimTime;
use skidpad_msgs::apollo::control::{ControlCommand, DrivingAction};
use std::time::Duration;

/// A seat that has not spoken for so long is not there, as the operator sees it before the start.
const PRESENT_FOR: Duration = Duration::from_secs(1);
/// A seat that has been silent for so long has died: the run ends.
const LOST_AFTER: Duration = Duration::from_secs(3);
/// The receiver feeds the driver at least this often while it is alive.
const RECEIVER_GAP: Duration = Duration::from_millis(200);
/// A command whose stamp is further than this from the present is a stale one (or one of the future), s: Apollo's own
/// limit for what control reads.
const STALE_S: f64 = 0.2;
/// Commands in one second from which on it is a flood; the real rate is 100.
const FLOOD: u32 = 500;
/// Steps back of the sequence number in one second that a restart cannot explain.
const TWO_SENDERS: u32 = 3;

/// What the external seats did in a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExternalReport {
    /// Each external seat.
    pub seats: Vec<SeatReport>,
    /// Messages from outside for seats that are filled inside.
    pub ignored_messages: u64,
    /// How old the command in force was, looked at every 10 ms; if control was outside.
    pub command_age: Option<CommandAge>,
    /// Cycles of 10 ms in which control, being outside, owed a command: every gap between two of them that is longer
    /// than one and a half cycles counts as those that are missing in it.
    pub missed_control_cycles: u64,
    /// Commands with a stale stamp before the scenario's time began: no event, since they may be an earlier run's.
    pub stale_before_start: u64,
    /// How long the run waited for the stack, until the scenario's time began, s.
    pub waited_s: f64,
    /// Presses of the operator.
    pub presses: u32,
}

/// What one external seat did.
#[derive(Clone, Debug, PartialEq)]
pub struct SeatReport {
    /// The seat.
    pub seat: SeatId,
    /// Messages on its main topic.
    pub messages: u64,
    /// The longest time without one since the scenario's time began, s.
    pub longest_gap_s: f64,
}

/// How an external seat is at present.
#[derive(Clone, Debug, PartialEq)]
pub struct SeatNow {
    /// The seat.
    pub seat: SeatId,
    /// Messages on its main topic so far.
    pub messages: u64,
    /// Time since the last of them, s; absent before the first.
    pub age_s: Option<f64>,
    /// The longest time without one since the scenario's time began, s.
    pub longest_gap_s: f64,
}

/// Age of the command in force: the present minus the stamp in its header, s.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CommandAge {
    /// Median.
    pub p50_s: f64,
    /// 99th percentile.
    pub p99_s: f64,
    /// The oldest.
    pub max_s: f64,
}

/// Something worth an event.
pub(crate) struct Notice {
    pub(crate) at: SimTime,
    pub(crate) name: String,
    pub(crate) detail: String,
}

struct Heard {
    seat: SeatId,
    messages: u64,
    last: Option<SimTime>,
    longest_gap: Duration,
    silent: bool,
}

/// Watches the external seats.
pub(crate) struct Watch {
    heard: Vec<Heard>,
    /// When the scenario's time began.
    since: Option<SimTime>,
    receiver_last: SimTime,
    commands: Commands,
    notices: Vec<Notice>,
    lost: Option<String>,
}

#[derive(Default)]
struct Commands {
    period: Duration,
    last: Option<SimTime>,
    stamp_unix_s: Option<f64>,
    ages_s: Vec<f32>,
    missed: u64,
    /// Stale ones before the scenario's time began.
    stale_before: u64,
    sequence_num: Option<u32>,
    /// In the present second: when it began, commands, steps back of the sequence number.
    second: Option<(SimTime, u32, u32)>,
    /// What is wrong at present and has been told.
    not_finite: bool,
    stale: bool,
    flood: bool,
    two: bool,
    echoed: Option<DrivingAction>,
}

/// A seat that is silent for longer is worth an event: the time-outs of who reads it, and for canbus longer than the
/// 0.4 s that it blocks while it enables the units.
fn silence_of(seat: SeatId) -> Duration {
    Duration::from_millis(match seat {
        SeatId::Control | SeatId::Localization | SeatId::GnssDriver => 200,
        SeatId::Canbus => 500,
        SeatId::Planning => 2000,
    })
}

impl Watch {
    pub(crate) fn new(seats: Seats, control_period: Duration) -> Watch {
        let heard =
            |seat| Heard { seat, messages: 0, last: None, longest_gap: Duration::ZERO, silent: false };
        Watch {
            heard: seats.iter().map(heard).collect(),
            since: None,
            receiver_last: SimTime::ZERO,
            commands: Commands { period: control_period, ..Commands::default() },
            notices: Vec::new(),
            lost: None,
        }
    }

    /// The scenario's time begins.
    pub(crate) fn begin(&mut self, now: SimTime) {
        self.since = Some(now);
    }

    /// The receiver has sent something.
    pub(crate) fn receiver_speaks(&mut self, now: SimTime) {
        self.receiver_last = now;
    }

    /// A message has come from an external seat.
    pub(crate) fn hear(&mut self, now: SimTime, unix_s: f64, message: &TopicMessage) {
        if let TopicMessage::Command(command) = message {
            self.hear_command(now, unix_s, command);
        }
        let topic = message.topic_name();
        let Some(heard) = self.heard.iter_mut().find(|heard| heard.seat.topic_names()[0] == topic) else {
            return;
        };
        heard.messages += 1;
        let last = heard.last.replace(now);
        if let (Some(last), Some(since)) = (last, self.since) {
            let gap = now.since(last.max(since));
            heard.longest_gap = heard.longest_gap.max(gap);
            if std::mem::take(&mut heard.silent) {
                let detail = format!("after {:.3} s", now.since(last).as_secs_f64());
                self.notices.push(Notice { at: now, name: format!("{}_back", heard.seat), detail });
            }
        }
    }

    fn hear_command(&mut self, now: SimTime, unix_s: f64, command: &ControlCommand) {
        let commands = &mut self.commands;
        let mut notice = |name: &str, detail: String| {
            self.notices.push(Notice { at: now, name: name.to_owned(), detail });
        };
        let values = [command.throttle, command.brake, command.steering_target, command.steering_rate];
        let not_finite = values.into_iter().flatten().any(|value| !value.is_finite());
        if not_finite && !commands.not_finite {
            let detail = "throttle, brake or steering of a command is no number; canbus takes it as it is";
            notice("command_not_finite", detail.to_owned());
        }
        commands.not_finite = not_finite;

        let header = command.header.as_ref();
        let stamp_unix_s = header.and_then(|header| header.timestamp_sec);
        let age_s = stamp_unix_s.map(|stamp| unix_s - stamp);
        // Written so that a stamp that is no number is stale.
        let stale = age_s.is_some_and(|age_s| !(-STALE_S..=STALE_S).contains(&age_s));
        // Before the scenario's time begins it may be left over from an earlier run, or the stack's clock not known
        // yet; who goes on like that is told of then.
        let has_begun = self.since.is_some();
        commands.stale_before += u64::from(stale && !has_begun);
        if stale && has_begun && !commands.stale {
            let age_s = age_s.unwrap_or(f64::NAN);
            notice("stale_command", format!("its stamp is {age_s:.3} s old; canbus does not look at it"));
        }
        commands.stale = stale && has_begun;
        commands.stamp_unix_s = stamp_unix_s;

        let sequence_num = header.and_then(|header| header.sequence_num);
        let back = matches!((commands.sequence_num, sequence_num), (Some(last), Some(this)) if this < last);
        commands.sequence_num = sequence_num;
        let (began, count, steps_back) = match commands.second {
            Some((began, count, back)) if now.since(began) < Duration::from_secs(1) => (began, count, back),
            second => {
                // A second without it ends the episode.
                if let Some((_, count, back)) = second {
                    commands.flood &= count >= FLOOD;
                    commands.two &= back >= TWO_SENDERS;
                }
                (now, 0, 0)
            }
        };
        let (count, steps_back) = (count + 1, steps_back + u32::from(back));
        commands.second = Some((began, count, steps_back));
        if count >= FLOOD && !std::mem::replace(&mut commands.flood, true) {
            let ms = now.since(began).as_millis();
            notice("command_flood", format!("{count} commands in {ms} ms; canbus takes one in 5 ms"));
        }
        if steps_back >= TWO_SENDERS && !std::mem::replace(&mut commands.two, true) {
            let detail =
                "the sequence numbers of the commands step back again and again: two senders on the topic";
            notice("two_controllers", detail.to_owned());
        }

        if let (Some(last), Some(since)) = (commands.last, self.since)
            && last >= since
        {
            let cycles = now.since(last).as_secs_f64() / commands.period.as_secs_f64();
            if cycles > 1.5 {
                commands.missed += cycles.round() as u64 - 1;
            }
        }
        commands.last = Some(now);
        if let Some(action) = command.pad_msg.as_ref().and_then(|pad| pad.action) {
            commands.echoed = DrivingAction::try_from(action).ok();
        }
    }

    /// The pad action that the last command with one carried; forgotten by asking.
    pub(crate) fn take_echo(&mut self) -> Option<DrivingAction> {
        self.commands.echoed.take()
    }

    /// Each tick: who is silent, who is lost.
    pub(crate) fn tick(&mut self, now: SimTime) {
        let Some(since) = self.since else { return };
        let receiver_silent = now.since(self.receiver_last) > RECEIVER_GAP;
        for heard in &mut self.heard {
            let Some(last) = heard.last else { continue };
            if heard.seat == SeatId::GnssDriver && receiver_silent {
                // The driver has nothing to say; its time begins anew.
                heard.last = Some(now);
                continue;
            }
            let gap = now.since(last.max(since));
            if gap > silence_of(heard.seat) && !std::mem::replace(&mut heard.silent, true) {
                let detail =
                    format!("nothing on {} for {} s", heard.seat.topic_names()[0], gap.as_secs_f64());
                self.notices.push(Notice { at: now, name: format!("{}_silent", heard.seat), detail });
            }
            // A planner may end with its path; control then stops the car, and the limits judge.
            if gap > LOST_AFTER && heard.seat != SeatId::Planning && self.lost.is_none() {
                let (seat, topic) = (heard.seat, heard.seat.topic_names()[0]);
                let spoke = if heard.messages == 1 { "message" } else { "messages" };
                let lost = format!(
                    "{seat} fell silent: nothing on {topic} for {:.1} s, after {} {spoke}",
                    gap.as_secs_f64(),
                    heard.messages
                );
                self.notices.push(Notice { at: now, name: "stack_lost".to_owned(), detail: lost.clone() });
                self.lost = Some(lost);
            }
        }
    }

    /// Every 10 ms of the scenario's time: how old the command in force is.
    pub(crate) fn look_at_command(&mut self, unix_s: f64) {
        if let Some(stamp_unix_s) = self.commands.stamp_unix_s {
            self.commands.ages_s.push((unix_s - stamp_unix_s) as f32);
        }
    }

    /// The external seats that have not spoken lately.
    pub(crate) fn missing(&self, now: SimTime) -> Seats {
        let is_there = |heard: &&Heard| heard.last.is_some_and(|last| now.since(last) <= PRESENT_FOR);
        self.heard.iter().filter(|heard| !is_there(heard)).map(|heard| heard.seat).collect()
    }

    /// How each external seat is.
    pub(crate) fn seats(&self, now: SimTime) -> impl Iterator<Item = SeatNow> + '_ {
        self.heard.iter().map(move |heard| SeatNow {
            seat: heard.seat,
            messages: heard.messages,
            age_s: heard.last.map(|last| now.since(last).as_secs_f64()),
            longest_gap_s: heard.longest_gap.as_secs_f64(),
        })
    }

    /// Why the run cannot go on, if it cannot.
    pub(crate) fn lost(&self) -> Option<&str> {
        self.lost.as_deref()
    }

    pub(crate) fn drain_notices(&mut self) -> impl Iterator<Item = Notice> + '_ {
        self.notices.drain(..)
    }

    pub(crate) fn report(&mut self, now: SimTime) -> ExternalReport {
        let ages = &mut self.commands.ages_s;
        ages.sort_by(f32::total_cmp);
        let quantile = |share: f64| f64::from(ages[((ages.len() - 1) as f64 * share).round() as usize]);
        let command_age = (!ages.is_empty()).then(|| CommandAge {
            p50_s: quantile(0.50),
            p99_s: quantile(0.99),
            max_s: quantile(1.0),
        });
        let since = self.since;
        let seat = |heard: &Heard| {
            let open =
                since.zip(heard.last).map_or(Duration::ZERO, |(since, last)| now.since(last.max(since)));
            SeatReport {
                seat: heard.seat,
                messages: heard.messages,
                longest_gap_s: heard.longest_gap.max(open).as_secs_f64(),
            }
        };
        ExternalReport {
            seats: self.heard.iter().map(seat).collect(),
            command_age,
            missed_control_cycles: self.commands.missed,
            stale_before_start: self.commands.stale_before,
            ..ExternalReport::default()
        }
    }
}
