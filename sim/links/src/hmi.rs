//! The hardware check of Apollo's HMI, which lets nobody start before it has heard of a GPS and a CAN card.

use crate::can_link::LinkError;
use skidpad_ros1::{Client, Uri};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Where the HMI of Apollo 1.0 takes the status of modules and hardware.
const PATH: &str = "/runtime_status_api";
/// What it waits for: both present and well (0).
const HARDWARE: &str = r#"{"hardware":[{"name":"GPS","status":0},{"name":"ESD_CAN-0","status":0}]}"#;
/// So often it is told: an HMI that is started later, or again, hears of it too.
const PERIOD: Duration = Duration::from_secs(2);
/// It answers within this time, or is tried again.
const AT_MOST: Duration = Duration::from_secs(1);

/// Tells an HMI again and again that the simulated hardware is there. An HMI that is not there is no error.
#[derive(Debug)]
pub struct Hmi {
    uri: Uri,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    stop: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stop: bool,
    report: HmiReport,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HmiReport {
    /// Times that the HMI took the status.
    pub told: u64,
    /// Times that it did not.
    pub failed: u64,
    /// Why the last of these failed.
    pub error: Option<String>,
}

impl Hmi {
    /// Begins to tell the HMI at this address, such as `http://127.0.0.1:8887`; a path other than `/` replaces that of
    /// Apollo 1.0 (`/runtime_status_api`; 1.5 has `/runtime_status`).
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(uri: &Uri) -> Result<Hmi, LinkError> {
        let mut uri = uri.clone();
        if uri.path == "/" {
            uri.path = PATH.into();
        }
        let shared = Arc::new(Shared::default());
        let (to, theirs) = (uri.clone(), shared.clone());
        let thread = std::thread::Builder::new().name("hmi".into()).spawn(move || tell(&to, &theirs));
        let thread = thread
            .map_err(|error| LinkError { name: uri.to_string(), message: format!("no thread: {error}") })?;
        Ok(Hmi { uri, shared, thread: Some(thread) })
    }

    /// Where the HMI is told.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// What has come of it so far.
    pub fn report(&self) -> HmiReport {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).report.clone()
    }
}

impl HmiReport {
    /// What a reader of the result should know: nothing, if the HMI was told at least once.
    pub fn sentence(&self, uri: &Uri) -> Option<String> {
        let error = self.error.as_deref().filter(|_| self.told == 0)?;
        Some(format!("the HMI was never told that the hardware is there: {uri}: {error}"))
    }
}

impl Drop for Hmi {
    fn drop(&mut self) {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).stop = true;
        self.shared.stop.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn tell(uri: &Uri, shared: &Shared) {
    let client = Client { caller: String::new(), fallback: None, at_most: AT_MOST };
    loop {
        let answer = client.exchange(uri, "POST", "application/json", HARDWARE.as_bytes());
        let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok((message, _)) if (200..300).contains(&message.status) => state.report.told += 1,
            other => {
                state.report.failed += 1;
                state.report.error = Some(match other {
                    Ok((message, _)) => format!("HTTP status {}", message.status),
                    Err(error) => error.to_string(),
                });
            }
        }
        let rested = shared.stop.wait_timeout_while(state, PERIOD, |state| !state.stop);
        if rested.unwrap_or_else(PoisonError::into_inner).0.stop {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skidpad_ros1::http::{self, Decoder, Kind};
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, TcpListener};

    #[test]
    fn an_hmi_hears_of_gps_and_can_card_and_one_that_is_not_there_is_named() {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let uri = Uri::new("127.0.0.1", socket.local_addr().unwrap().port());
        let hmi = Hmi::start(&uri).unwrap();
        let (mut stream, _) = socket.accept().unwrap();
        let (mut decoder, mut bytes) = (Decoder::new(Kind::Request), [0; 1024]);
        let message = loop {
            let count = stream.read(&mut bytes).unwrap();
            decoder.push(&bytes[..count]);
            if let Some(message) = decoder.message().unwrap() {
                break message;
            }
        };
        assert!(bytes.starts_with(b"POST /runtime_status_api HTTP/1.1\r\n"));
        assert_eq!(message.body, HARDWARE.as_bytes());
        stream.write_all(&http::response(200, false, b"{}")).unwrap();
        while hmi.report().told == 0 {
            std::thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(hmi.report().sentence(hmi.uri()), None);

        drop((socket, stream, hmi));
        let hmi = Hmi::start(&uri).unwrap();
        while hmi.report().failed == 0 {
            std::thread::sleep(Duration::from_millis(2));
        }
        let sentence = hmi.report().sentence(hmi.uri()).unwrap();
        assert!(sentence.contains("connection refused"), "{sentence}");
    }
}
