//! Where a stack finds the simulator, by name.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// A lock-step link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockstepName {
    /// `lockstep:unix:PATH`: a Unix socket.
    Unix(PathBuf),
    /// `lockstep:tcp:ADDRESS:PORT`; port 0 is any that is free.
    Tcp(SocketAddr),
}

/// A name that is none of a lock-step link.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no lock-step link is named \"{name}\": {message}")]
pub struct LockstepNameError {
    name: String,
    message: String,
}

impl FromStr for LockstepName {
    type Err = LockstepNameError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let wrong = |message: String| LockstepNameError { name: name.chars().take(100).collect(), message };
        let mut parts = name.splitn(3, ':');
        match (parts.next(), parts.next(), parts.next()) {
            (Some("lockstep"), Some("unix"), Some(path)) if !path.is_empty() => {
                Ok(LockstepName::Unix(path.into()))
            }
            (Some("lockstep"), Some("tcp"), Some(address)) => {
                let parsed = address.replacen("localhost", "127.0.0.1", 1).parse();
                parsed.map(LockstepName::Tcp).map_err(|_| {
                    wrong(format!("expected an address and a port like 127.0.0.1:7440, got \"{address}\""))
                })
            }
            _ => Err(wrong("expected lockstep:unix:PATH or lockstep:tcp:ADDRESS:PORT".into())),
        }
    }
}

impl fmt::Display for LockstepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LockstepName::Unix(path) => write!(f, "lockstep:unix:{}", path.display()),
            LockstepName::Tcp(address) => write!(f, "lockstep:tcp:{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_understood_and_written_back_or_told_what_was_expected() {
        for name in ["lockstep:unix:/tmp/a b:c.sock", "lockstep:tcp:127.0.0.1:7440", "lockstep:tcp:[::1]:1"] {
            assert_eq!(name.parse::<LockstepName>().unwrap().to_string(), name);
        }
        assert_eq!("lockstep:tcp:localhost:5".parse(), Ok(LockstepName::Tcp("127.0.0.1:5".parse().unwrap())));
        for (name, words) in [
            ("", "expected lockstep:unix:PATH"),
            ("lockstep", "expected lockstep:unix:PATH"),
            ("lockstep:unix:", "expected lockstep:unix:PATH"),
            ("lockstep:tcp:7440", "an address and a port"),
            ("lockstep:udp:1.2.3.4:5", "expected lockstep:unix:PATH"),
        ] {
            let error = name.parse::<LockstepName>().unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in any::<String>(), tail in "[0-9a-z:.\\[\\]/]{0,40}") {
            let _ = text.parse::<LockstepName>();
            for kind in ["unix", "tcp"] {
                if let Ok(name) = format!("lockstep:{kind}:{tail}").parse::<LockstepName>() {
                    prop_assert_eq!(name.to_string().parse(), Ok(name));
                }
            }
        }
    }
}
