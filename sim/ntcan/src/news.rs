//! Tells people on standard error what the line does, where the messages of the program are as well.
//!
//! A thread of its own writes: standard error may be a pipe that nobody empties, and neither a read nor a close
//! may wait for that.

use crate::net::lock;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::Write;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

/// News of one kind of one address come no closer than this, however often the line breaks.
const QUIET: Duration = Duration::from_secs(10);
/// Longest wait for a message that explains a failure.
const MOMENT: Duration = Duration::from_millis(100);
/// Messages that may wait to be written; more are dropped.
const WAITING: usize = 16;

/// What happened to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum News {
    /// Nobody answers.
    Absent,
    /// Somebody does.
    Connected,
    /// The other end has gone.
    Gone,
}

/// Has a message about the line to `address` written, unless one like it was a moment ago.
pub fn tell(address: &str, news: News, text: &str) {
    static TOLD: Mutex<BTreeMap<(String, News), Instant>> = Mutex::new(BTreeMap::new());
    let mut told = lock(&TOLD);
    let last = told.entry((address.to_string(), news));
    if let Entry::Occupied(last) = &last
        && last.get().elapsed() < QUIET
    {
        return;
    }
    last.insert_entry(Instant::now());
    drop(told);
    let _ = hand_over(text);
}

/// Has a message written and gives it a moment: the program may end at once.
pub fn tell_now(text: &str) {
    let _ = hand_over(text).recv_timeout(MOMENT);
}

/// A message, and where to say that it is written.
type Message = (String, SyncSender<()>);

/// Gives a message to the writing thread, which says when it is written.
fn hand_over(text: &str) -> Receiver<()> {
    static WRITER: OnceLock<Option<SyncSender<Message>>> = OnceLock::new();
    let (written, done) = sync_channel(1);
    let writer = WRITER.get_or_init(|| {
        let (sender, receiver) = sync_channel::<Message>(WAITING);
        let write = move || {
            for (text, written) in receiver {
                // Nobody may be listening, nobody may be waiting.
                let _ = writeln!(std::io::stderr(), "libntcan: {text}");
                let _ = written.try_send(());
            }
        };
        std::thread::Builder::new().name("ntcan tell".into()).spawn(write).ok().map(|_| sender)
    });
    if let Some(writer) = writer {
        let _ = writer.try_send((text.to_string(), written));
    }
    done
}
