//! Suggestions for misspelt names.

/// Names longer than this are not compared: they come from no one's fingers.
const LONGEST: usize = 100;

/// The name nearest to `wrong` by edits (insert, delete, replace, swap neighbours), if one is near enough
/// to be meant: at most a third of its letters differ.
pub fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters: Vec<char> = wrong.chars().take(LONGEST + 1).collect();
    if letters.is_empty() || letters.len() > LONGEST {
        return None;
    }
    names
        .into_iter()
        .map(|name| (distance(&letters, &name.chars().take(LONGEST).collect::<Vec<_>>()), name))
        .filter(|(edits, name)| *edits <= (name.chars().count().max(letters.len()) / 3).max(1))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, name)| name)
}

/// `; did you mean …?` or, if nothing is near, the names there are.
pub fn hint<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(name) = nearest(wrong, names.clone()) {
        return format!("; did you mean `{name}`?");
    }
    let names: Vec<&str> = names.into_iter().collect();
    match names.len() {
        0 => String::new(),
        1..=16 => format!("; expected one of: {}", names.join(", ")),
        count => format!("; expected one of: {}, … ({count} names)", names[..16].join(", ")),
    }
}

/// Optimal string alignment distance.
fn distance(a: &[char], b: &[char]) -> usize {
    let width = b.len() + 1;
    let mut rows = vec![0usize; (a.len() + 1) * width];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            let at = i * width + j;
            rows[at] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = usize::from(a[i - 1] != b[j - 1]);
                let mut edits =
                    (rows[at - width] + 1).min(rows[at - 1] + 1).min(rows[at - width - 1] + replaced);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    edits = edits.min(rows[at - 2 * width - 2] + 1);
                }
                edits
            };
        }
    }
    rows[rows.len() - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_fingers_finds_the_name() {
        let names = ["lateral_error_max_m", "lateral_error_rms_m", "speed_error_max_mps"];
        assert_eq!(nearest("lateral_eror_max_m", names), Some("lateral_error_max_m"));
        assert_eq!(nearest("latreal_error_rms_m", names), Some("lateral_error_rms_m"));
        assert_eq!(nearest("colour", names), None);
        assert_eq!(nearest("", names), None);
        assert_eq!(nearest(&"x".repeat(1000), names), None);
        assert_eq!(hint("colour", ["a", "b"]), "; expected one of: a, b");
    }
}
