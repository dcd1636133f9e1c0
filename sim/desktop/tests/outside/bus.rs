//! On the car's bus: who listens, and a canbus that drives.

use crate::{ONE_AT_A_TIME, SHORT, failure, file, has_event, library, link_name, wait, wait_for_the_end};
use skidpad_desktop::session::{Command, Session, State, column};
use skidpad_engine::{SeatId, Seats};
use skidpad_links::{Health, Wanted, open_raw};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

#[test]
fn a_listener_on_the_cars_bus_gets_frames_on_the_clock_which_cannot_be_paused() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let wanted = Wanted { can: vec!["slcan-tcp:127.0.0.1:0".parse().unwrap()], ..Wanted::default() };
    let mut session = Session::meeting(library(), wanted);
    let file = file("clock");
    session.order(Command::Load(file.clone()));
    wait(&mut session, "runs", |session| session.view().time_s > 0.1);
    let mut peer = TcpStream::connect(link_name(&session).strip_prefix("slcan-tcp:").unwrap()).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    peer.write_all(b"S6\rO\r").unwrap();
    let mut heard: Vec<u8> = Vec::new();
    while heard.iter().filter(|byte| **byte == b't').count() < 50 {
        let mut piece = [0; 4096];
        let length = peer.read(&mut piece).unwrap();
        assert!(length > 0, "the car has gone");
        heard.extend(&piece[..length]);
    }
    session.order(Command::Pause);
    wait(&mut session, "refused", |session| session.view().notice.1.contains("on the clock"));
    assert_eq!(session.view().state, State::Running);
    wait(&mut session, "counted", |session| {
        let outside = session.view().outside.clone().unwrap();
        let sent = outside.links[0].counts.iter().find(|(name, _)| *name == "sent").unwrap().1;
        outside.on_the_clock
            && sent >= 50
            && outside.links[0].health == Health::Well
            && outside.pace.is_some()
    });
    session.order(Command::Restart);
    wait(&mut session, "begun anew", |session| session.view().load == 2);
    std::fs::remove_file(file).unwrap();
}

/// What is read and written at the far end of a link.
trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

/// A canbus by hand: enables the units, drives to 5 m/s, and stops; until it is dropped, and then it is gone.
struct Canbus {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Canbus {
    /// At the far end of this link.
    fn on(link: &str) -> Canbus {
        let mut wire: Box<dyn Wire> = match link.split_once(':').unwrap() {
            ("slcan-tcp", address) => {
                let stream = TcpStream::connect(address).unwrap();
                stream.set_nonblocking(true).unwrap();
                Box::new(stream)
            }
            (_, path) => Box::new(open_raw(Path::new(path)).unwrap()),
        };
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let drive = move || {
            let (mut text, mut top_mps, mut enabled) = (Vec::new(), 0.0f64, [false; 3]);
            let mut say = b"C\rS6\rO\r".to_vec();
            let began = Instant::now();
            for number in 1.. {
                // A terminal that is full, or a simulator that has gone, is of no interest here.
                let _ = wire.write(&say);
                let next = began + Duration::from_millis(20 * number);
                while Instant::now() < next {
                    let mut piece = [0; 4096];
                    match wire.read(&mut piece) {
                        Ok(count) => text.extend(&piece[..count]),
                        Err(error) => assert!(error.kind() != ErrorKind::InvalidInput, "{error}"),
                    }
                    std::thread::sleep(Duration::from_millis(2));
                }
                while let Some(end) = text.iter().position(|byte| *byte == b'\r') {
                    let line: Vec<u8> = text.drain(..=end).collect();
                    let line = std::str::from_utf8(&line).unwrap_or_default();
                    // Each unit's report ends with whether it obeys; the steering's has the speed, 0.01 km/h, in its fifth
                    // and sixth byte.
                    let byte = |at: usize| u16::from_str_radix(&line[5 + 2 * at..7 + 2 * at], 16).unwrap();
                    let unit = ["t0618", "t0638", "t0658"].iter().position(|report| line.starts_with(report));
                    let Some(unit) = unit.filter(|_| line.len() == 22) else { continue };
                    enabled[unit] = byte(7) & 1 == 1;
                    if unit == 2 {
                        top_mps = top_mps.max(f64::from(byte(4) | byte(5) << 8) / 360.0);
                    }
                }
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                // Where the machine holds this thread up for the 100 ms that a unit waits, it wants to be enabled anew.
                let anew = enabled != [true; 3] && number % 10 == 0;
                let on = u8::from(number > 25 && !anew);
                let pct = |share: u32| (65535 * share / 100 * u32::from(on)) as u16;
                let (throttle, brake) = if top_mps < 5.0 { (pct(35), 0) } else { (0, pct(30)) };
                say.clear();
                for (id, pedal) in [("060", brake), ("062", throttle)] {
                    let [low, high] = pedal.to_le_bytes();
                    let lamp = u8::from(id == "060" && pedal > 0);
                    write!(say, "t{id}8{low:02X}{high:02X}{lamp:02X}{on:02X}00000000\r").unwrap();
                }
                write!(say, "t06480000{on:02X}0000000000\r").unwrap();
            }
        };
        Canbus { stop, thread: Some(std::thread::spawn(drive)) }
    }
}

impl Drop for Canbus {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || ended.is_none_or(|thread| thread.is_ok()), "the canbus panicked");
    }
}

/// How fast the car is, m/s.
fn speed_mps(session: &Session) -> f32 {
    session.recording().last().map_or(0.0, |moment| moment.values[column("speed_mps").unwrap()])
}

/// A canbus outside drives, cannot be paused or taken back, dies, and another one takes its place in the next run.
fn a_canbus_drives_dies_and_comes_again(link: &str, gone: &str) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let external = Seats::NONE.with(SeatId::Canbus);
    let wanted = Wanted { can: vec![link.parse().unwrap()], external, ..Wanted::default() };
    let mut session = Session::meeting(library(), wanted);
    let file = file(&link.replace([':', '.'], "-"));
    // Long enough to notice a silence of five seconds.
    std::fs::write(&file, SHORT.replace("12.0", "60.0")).unwrap();
    session.order(Command::Load(file.clone()));
    wait(&mut session, "waits", |session| session.view().state == State::Waiting);
    let outside = session.view().outside.clone().unwrap();
    assert!(outside.waiting.as_ref().unwrap().contains("a peer on the car's bus"), "{outside:?}");
    assert!(outside.on_the_clock);

    let canbus = Canbus::on(&link_name(&session));
    wait(&mut session, "drives", |session| speed_mps(session) > 3.0);
    assert!(has_event(&session, "engaged") && session.view().state == State::Running);
    session.order(Command::Rewind(1.0));
    wait(&mut session, "refused", |session| session.view().notice.1.contains("cannot be taken back"));
    session.order(Command::Pause);
    wait(&mut session, "refused", |session| session.view().notice.1.contains("on the clock"));
    wait(&mut session, "has stopped", |session| speed_mps(session) < 0.02);
    let top = session.recording().moments().iter().map(|moment| moment.values[column("speed_mps").unwrap()]);
    assert!(top.fold(0.0, f32::max) > 4.9, "it drove to 5 m/s before");
    let outside = session.view().outside.clone().unwrap();
    assert_eq!(outside.links[0].health, Health::Well);
    assert_eq!(outside.seats[0].seat, SeatId::Canbus);

    drop(canbus);
    wait_for_the_end(&mut session);
    wait(&mut session, "the panel says why", |session| failure(session).contains(gone));
    assert!(has_event(&session, "stack_lost"), "{:?}", session.view().events);
    // The app goes on: the next run waits for a canbus, meets one, and is left while that is there.
    session.order(Command::Restart);
    wait(&mut session, "waits again", |session| {
        session.view().load == 2 && session.view().state == State::Waiting
    });
    let canbus = Canbus::on(&link_name(&session));
    wait(&mut session, "drives again", |session| session.view().time_s > 0.5 && speed_mps(session) > 1.0);
    session.order(Command::Attach(Box::default()));
    wait(&mut session, "alone", |session| {
        session.view().state == State::Paused && session.view().outside.is_none()
    });
    session.order(Command::Step(1000));
    wait(&mut session, "goes on alone", |session| session.view().time_s > 0.9);
    drop((session, canbus));
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_canbus_over_tcp_drives_dies_and_another_takes_its_place() {
    a_canbus_drives_dies_and_comes_again("slcan-tcp:127.0.0.1:0", "the last peer is gone");
}

#[test]
fn a_canbus_on_a_pseudo_terminal_drives_dies_and_another_takes_its_place() {
    // That nobody holds its other end is nothing that a terminal tells.
    a_canbus_drives_dies_and_comes_again("slcan", "no peer has sent a frame for 5.");
}
