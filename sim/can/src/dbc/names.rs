//! "Did you mean": the nearest known name.

/// `; did you mean "x"?` for the nearest of `known`, or nothing if none is near.
pub(crate) fn nearest<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> String {
    let limit = wanted.len() / 2 + 1;
    let best = known.map(|name| (distance(wanted, name), name)).min();
    match best {
        Some((edits, name)) if edits <= limit => format!("; did you mean {name:?}?"),
        _ => String::new(),
    }
}

/// Levenshtein distance in bytes, upper and lower case alike.
fn distance(a: &str, b: &str) -> usize {
    // Names come from files: a hostile one must not cost quadratic time.
    const LONGEST: usize = 128;
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() > LONGEST || b.len() > LONGEST {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(!x.eq_ignore_ascii_case(y));
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_its_name() {
        assert_eq!(
            nearest("BrakeComand", ["GearCommand", "BrakeCommand"].into_iter()),
            "; did you mean \"BrakeCommand\"?"
        );
        assert_eq!(nearest("zzzzzz", ["BrakeCommand"].into_iter()), "");
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
