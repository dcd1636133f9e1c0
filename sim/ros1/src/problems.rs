//! What went wrong, in words, without end.

use crate::listener::lock;
use std::sync::Mutex;

/// Different problems that are kept.
const KEPT: usize = 32;

/// Sentences, each with how often it was true.
#[derive(Debug, Default)]
pub(crate) struct Problems(Mutex<Vec<(String, u64)>>);

impl Problems {
    pub(crate) fn note(&self, sentence: String) {
        let mut kept = lock(&self.0);
        if let Some((_, count)) = kept.iter_mut().find(|(known, _)| *known == sentence) {
            *count += 1;
        } else if kept.len() < KEPT {
            kept.push((sentence, 1));
        }
    }

    pub(crate) fn sentences(&self) -> Vec<String> {
        let times = |(sentence, count): &(String, u64)| match count {
            1 => sentence.clone(),
            _ => format!("{sentence} ({count} times)"),
        };
        lock(&self.0).iter().map(times).collect()
    }
}
