//! How the program ends: the exit status, and the failures that lead to one.

use skidpad_links::MeetError;
use std::io;
use std::process::ExitCode;

/// Exit status of the process. The numbers are part of the interface, and their order is that of importance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Done; every scenario passed.
    Passed = 0,
    /// A scenario failed its limits, or a car its accepted ranges.
    Failed = 1,
    /// A file or an argument is wrong.
    Usage = 2,
    /// An external stack was missing.
    External = 3,
    /// A bug.
    Internal = 4,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> ExitCode {
        ExitCode::from(status as u8)
    }
}

impl From<MeetError> for Failure {
    fn from(error: MeetError) -> Failure {
        let status = match &error {
            MeetError::Wrong(_) => Status::Usage,
            MeetError::Absent(_) => Status::External,
        };
        Failure::new(status, error.to_string())
    }
}

/// Why a subcommand could not finish.
#[derive(Debug)]
pub struct Failure {
    /// The exit status it leads to.
    pub status: Status,
    /// What was wrong, where, and what to do; empty if there is no one left to tell.
    pub message: String,
}

impl Failure {
    /// A failure that ends the program with `status`.
    pub fn new(status: Status, message: impl Into<String>) -> Failure {
        Failure { status, message: message.into() }
    }

    /// A wrong file or argument.
    pub fn usage(message: impl ToString) -> Failure {
        Failure::new(Status::Usage, message.to_string())
    }

    /// A file or standard output that the system refused to write. A closed pipe (`skidpad list | head`)
    /// is no failure: the reader has seen enough.
    pub fn write(name: &str, error: &io::Error) -> Failure {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Failure::new(Status::Passed, "");
        }
        Failure::usage(format!("{name}: cannot be written: {error}"))
    }

    /// Tells the person at the terminal.
    pub fn print(&self) {
        if !self.message.is_empty() {
            eprintln!("error: {}", self.message);
        }
    }
}
