//! Which identifiers a handle receives. A new handle receives none.

use crate::codes::{
    EVENTS, EXTENDED, ID_ALREADY_ENABLED, ID_NOT_ENABLED, INSUFFICIENT_RESOURCES, INVALID_PARAMETER,
};

/// The three areas of numbers that can be enabled: 11-bit and 29-bit identifiers and the card's events, first
/// to last.
const AREAS: [(u32, u32); 3] = [(0, 0x7ff), (EXTENDED, EXTENDED | 0x1fff_ffff), EVENTS];

/// More separate regions than any program needs; a bound all the same.
const MAX_REGIONS: usize = 4096;

/// A set of identifiers as regions, first to last, in order, with gaps between them.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct IdFilter(Vec<(u32, u32)>);

impl IdFilter {
    /// True if the frame with this identifier passes; 29-bit ones carry [`EXTENDED`].
    pub fn contains(&self, id: u32) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= id);
        after > 0 && id <= self.0[after - 1].1
    }

    /// True if nothing passes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Enables one identifier. Codes: `ID_ALREADY_ENABLED`, `INVALID_PARAMETER`.
    pub fn add(&mut self, id: i32) -> Result<(), i32> {
        let (id, _) = region(id, 1)?;
        if self.contains(id) { Err(ID_ALREADY_ENABLED) } else { self.include(id, id) }
    }

    /// Disables one identifier. Codes: `ID_NOT_ENABLED`, `INVALID_PARAMETER`.
    pub fn delete(&mut self, id: i32) -> Result<(), i32> {
        let (id, _) = region(id, 1)?;
        if self.contains(id) { self.exclude(id, id) } else { Err(ID_NOT_ENABLED) }
    }

    /// Enables `count` identifiers from `first` on, as far as the area reaches; gives how many those are.
    pub fn add_region(&mut self, first: i32, count: i32) -> Result<i32, i32> {
        let (first, last) = region(first, count)?;
        self.include(first, last)?;
        Ok((last - first + 1) as i32)
    }

    /// Disables `count` identifiers from `first` on, as far as the area reaches; gives how many those are.
    pub fn delete_region(&mut self, first: i32, count: i32) -> Result<i32, i32> {
        let (first, last) = region(first, count)?;
        self.exclude(first, last)?;
        Ok((last - first + 1) as i32)
    }

    fn include(&mut self, first: u32, last: u32) -> Result<(), i32> {
        let (mut low, mut high) = (first, last);
        let mut regions: Vec<(u32, u32)> = Vec::with_capacity(self.0.len() + 1);
        for &(a, b) in &self.0 {
            // Regions that touch or overlap the new one melt into it.
            if a <= last.saturating_add(1) && b.saturating_add(1) >= first {
                (low, high) = (low.min(a), high.max(b));
            } else {
                regions.push((a, b));
            }
        }
        regions.insert(regions.partition_point(|(a, _)| *a < low), (low, high));
        self.replace(regions)
    }

    fn exclude(&mut self, first: u32, last: u32) -> Result<(), i32> {
        let mut regions = Vec::with_capacity(self.0.len() + 1);
        for &(a, b) in &self.0 {
            if a < first {
                regions.push((a, b.min(first - 1)));
            }
            if b > last {
                regions.push((a.max(last + 1), b));
            }
        }
        self.replace(regions)
    }

    fn replace(&mut self, regions: Vec<(u32, u32)>) -> Result<(), i32> {
        if regions.len() > MAX_REGIONS {
            return Err(INSUFFICIENT_RESOURCES);
        }
        self.0 = regions;
        Ok(())
    }
}

/// First and last identifier of a region that begins in one of the areas.
fn region(first: i32, count: i32) -> Result<(u32, u32), i32> {
    let first = u32::try_from(first).map_err(|_| INVALID_PARAMETER)?;
    let count = u32::try_from(count).map_err(|_| INVALID_PARAMETER)?;
    let area = AREAS.iter().find(|(low, high)| (*low..=*high).contains(&first)).ok_or(INVALID_PARAMETER)?;
    if count == 0 {
        return Err(INVALID_PARAMETER);
    }
    Ok((first, first.saturating_add(count - 1).min(area.1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn apollos_region_is_every_11_bit_identifier_and_no_other() {
        let mut filter = IdFilter::default();
        assert_eq!(filter.add_region(0, 0x800), Ok(0x800));
        assert!((0..0x800).all(|id| filter.contains(id)));
        assert!(!filter.contains(0x800) && !filter.contains(EXTENDED));
        assert_eq!(filter.add(0x65), Err(ID_ALREADY_ENABLED));
        assert_eq!(filter.add_region(0x7f0, 0x100), Ok(0x10), "the region ends with its area");
        assert_eq!(filter.add_region(0x2000_0000, 0x1fff_fffe), Ok(0x1fff_fffe));
        assert!(filter.contains(EXTENDED | 0x1234_5678));
    }

    #[test]
    fn what_is_no_identifier_is_refused() {
        let mut filter = IdFilter::default();
        for (first, count) in [(-1, 1), (0x800, 1), (0, 0), (0, -5), (0x4000_0100, 1), (i32::MIN, i32::MAX)] {
            assert_eq!(filter.add_region(first, count), Err(INVALID_PARAMETER), "{first:#x} {count}");
            assert_eq!(filter.delete_region(first, count), Err(INVALID_PARAMETER), "{first:#x} {count}");
        }
        assert_eq!(filter.delete(0x65), Err(ID_NOT_ENABLED));
        assert!(filter.is_empty());
    }

    proptest! {
        /// A filter is the set that the calls describe: the model is a table of 11-bit identifiers.
        #[test]
        fn adding_and_deleting_is_set_arithmetic(
            calls in prop::collection::vec((any::<bool>(), 0i32..0x7ff, 1i32..300), 0..40)
        ) {
            let (mut filter, mut table) = (IdFilter::default(), vec![false; 0x800]);
            for (add, first, count) in calls {
                let change = if add { IdFilter::add_region } else { IdFilter::delete_region };
                let got = change(&mut filter, first, count);
                let last = (first + count - 1).min(0x7ff);
                prop_assert_eq!(got, Ok(last - first + 1));
                table[first as usize..=last as usize].fill(add);
            }
            for (id, enabled) in table.iter().enumerate() {
                prop_assert_eq!(filter.contains(id as u32), *enabled, "{:#x}", id);
            }
        }
    }
}
