//! Calls that nobody waits for: each receiver gets its own in order, and one that hangs holds up nobody else.

use crate::client::Client;
use crate::listener::lock;
use crate::uri::Uri;
use crate::xmlrpc::Call;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Receivers that are called at the same time.
const MAX_WORKERS: usize = 32;
/// Calls that wait for one receiver, and receivers that have some.
const MAX_WAITING: usize = 256;
const MAX_RECEIVERS: usize = 1024;
/// A receiver that does not answer costs so long.
const AT_MOST: Duration = Duration::from_secs(2);

/// A call to be made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Notice {
    /// Who is called.
    pub(crate) to: Uri,
    /// Where the receiver is taken to be if its name means nothing here.
    pub(crate) fallback: Option<IpAddr>,
    /// What is called.
    pub(crate) call: Call,
}

/// Makes calls in the background.
#[derive(Clone, Debug, Default)]
pub(crate) struct Courier(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    waiting: BTreeMap<Uri, VecDeque<Notice>>,
    /// Receivers that a worker is calling.
    busy: BTreeSet<Uri>,
    workers: Vec<JoinHandle<()>>,
    stop: bool,
}

impl Courier {
    /// Has this call made. A call of the same method about the same topic that still waits is made no more: only the
    /// newest list of publishers counts.
    pub(crate) fn send(&self, notice: Notice) {
        let mut state = lock(&self.0);
        if state.stop || state.waiting.len() >= MAX_RECEIVERS {
            return;
        }
        let to = notice.to.clone();
        let queue = state.waiting.entry(to.clone()).or_default();
        let about = |notice: &Notice| (notice.call.method.clone(), notice.call.params.get(1).cloned());
        queue.retain(|waiting| about(waiting) != about(&notice));
        if queue.len() < MAX_WAITING {
            queue.push_back(notice);
        }
        state.workers.retain(|worker| !worker.is_finished());
        if !state.busy.contains(&to) && state.workers.len() < MAX_WORKERS {
            state.busy.insert(to.clone());
            let (courier, first) = (self.clone(), to.clone());
            match std::thread::Builder::new().name("ros courier".into()).spawn(move || courier.work(first)) {
                Ok(worker) => state.workers.push(worker),
                // It waits for the next worker that has time.
                Err(_) => {
                    state.busy.remove(&to);
                }
            }
        }
    }

    /// Makes no more calls, and waits for those under way.
    pub(crate) fn stop(&self) {
        let workers = {
            let mut state = lock(&self.0);
            state.stop = true;
            state.waiting.clear();
            std::mem::take(&mut state.workers)
        };
        for worker in workers {
            let _ = worker.join();
        }
    }

    fn work(&self, mut to: Uri) {
        while let Some((receiver, notice)) = self.next(to) {
            to = receiver;
            let client = Client { caller: String::new(), fallback: notice.fallback, at_most: AT_MOST };
            // A receiver that is gone has no more need of it.
            let _ = client.call(&notice.to, &notice.call);
        }
    }

    /// The next call for the same receiver, or else for one whom nobody is calling.
    fn next(&self, last: Uri) -> Option<(Uri, Notice)> {
        let mut state = lock(&self.0);
        let mut to = last;
        loop {
            if let Some(notice) = state.waiting.get_mut(&to).and_then(VecDeque::pop_front) {
                return Some((to, notice));
            }
            state.waiting.remove(&to);
            state.busy.remove(&to);
            to = state.waiting.keys().find(|to| !state.busy.contains(*to))?.clone();
            state.busy.insert(to.clone());
        }
    }
}
