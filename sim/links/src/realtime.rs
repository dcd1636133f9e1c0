//! Real-time scheduling of the thread that keeps the pace.

use std::fmt;

/// SCHED_FIFO priority that is asked for, of 1 to 99: above everything ordinary, below the interrupt threads of the
/// kernel (50), on which the links depend.
const PRIORITY: u8 = 10;

/// What the system said to the wish for real-time scheduling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RealtimePriority {
    /// The thread runs before all ordinary ones until it ends.
    Granted,
    /// Nothing has changed: why.
    Refused(String),
}

impl RealtimePriority {
    /// Asks it for the calling thread, and for the threads that this one starts from now on. It ends with the thread.
    #[cfg(unix)]
    pub fn ask() -> RealtimePriority {
        use thread_priority::{
            Error, RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
            set_thread_priority_and_policy, thread_native_id,
        };
        let fifo = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
        let asked = ThreadPriority::try_from(PRIORITY)
            .map_err(Error::Priority)
            .and_then(|priority| set_thread_priority_and_policy(thread_native_id(), priority, fifo));
        match asked {
            Ok(()) => RealtimePriority::Granted,
            Err(Error::OS(code)) => {
                let error = std::io::Error::from_raw_os_error(code);
                RealtimePriority::Refused(format!(
                    "{error}; it takes a limit of real-time priority of {PRIORITY} or more (`ulimit -r`, \
                     /etc/security/limits.conf) or CAP_SYS_NICE"
                ))
            }
            Err(error) => RealtimePriority::Refused(error.to_string()),
        }
    }

    /// Asks it for the calling thread.
    #[cfg(not(unix))]
    pub fn ask() -> RealtimePriority {
        RealtimePriority::Refused("this system has no SCHED_FIFO".into())
    }
}

impl fmt::Display for RealtimePriority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RealtimePriority::Granted => write!(f, "granted: SCHED_FIFO {PRIORITY}"),
            RealtimePriority::Refused(why) => write!(f, "refused: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_said_is_what_the_kernel_knows_of_the_thread() {
        let (said, policy) = std::thread::spawn(|| {
            let said = RealtimePriority::ask();
            // proc(5): field 41 is the policy, 1 is SCHED_FIFO, field 40 the priority; the name may hold blanks.
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            let after_name: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
            (said, [after_name[38].to_owned(), after_name[37].to_owned()])
        })
        .join()
        .unwrap();
        match &said {
            RealtimePriority::Granted => assert_eq!(policy, ["1", "10"]),
            RealtimePriority::Refused(why) => {
                assert_eq!(policy, ["0", "0"]);
                assert!(why.contains("ulimit -r"), "{why}");
            }
        }
        eprintln!("{said}");
    }
}
