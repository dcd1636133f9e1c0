use crate::SimTime;
use std::collections::VecDeque;

/// Items on their way: each is handed out once its delivery time has come, ordered by delivery time
/// and, at equal times, by insertion.
#[derive(Clone, Debug)]
pub struct LatencyQueue<T> {
    items: VecDeque<(SimTime, T)>,
}

impl<T> Default for LatencyQueue<T> {
    fn default() -> Self {
        LatencyQueue { items: VecDeque::new() }
    }
}

impl<T> LatencyQueue<T> {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts `item` on its way, to arrive at `deliver_at`.
    pub fn push(&mut self, deliver_at: SimTime, item: T) {
        let position = self.items.iter().rposition(|(at, _)| *at <= deliver_at).map_or(0, |i| i + 1);
        self.items.insert(position, (deliver_at, item));
    }

    /// The next item that has arrived by `now`, if any.
    pub fn pop_due(&mut self, now: SimTime) -> Option<T> {
        if self.items.front()?.0 > now {
            return None;
        }
        self.items.pop_front().map(|(_, item)| item)
    }

    /// Drops everything that is still on its way.
    pub fn clear(&mut self) {
        self.items.clear();
    }

    /// Items still on their way.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// True if nothing is on its way.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn items_leave_by_delivery_time_and_then_by_insertion(times in prop::collection::vec(0u64..20, 0..50)) {
            let mut queue = LatencyQueue::new();
            for (index, ms) in times.iter().enumerate() {
                queue.push(SimTime::from_ms(*ms), (*ms, index));
            }
            let mut expected: Vec<_> = times.iter().enumerate().map(|(i, ms)| (*ms, i)).collect();
            expected.sort();
            let mut got = Vec::new();
            for ms in 0..20 {
                while let Some(item) = queue.pop_due(SimTime::from_ms(ms)) {
                    prop_assert!(item.0 <= ms);
                    got.push(item);
                }
            }
            prop_assert_eq!(got, expected);
        }
    }
}
