//! Patterns of `--filter`.

/// True if `pattern` matches the whole of `text`: `*` stands for any characters or none, `?` for one.
pub fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // Where the last star is, and how far it reaches so far.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p).is_some_and(|c| *c == '?' || *c == text[t]) {
            p += 1;
            t += 1;
        } else if let Some((at, reach)) = star {
            star = Some((at, reach + 1));
            (p, t) = (at + 1, reach + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("skid", "skid", true),
            ("skid", "skid pad", false),
            ("skid*", "skid pad", true),
            ("*pad*left", "skid pad, left", true),
            ("*a*a", "aXbXa", true),
            ("*ab", "aab", true),
            ("sk?d", "skid", true),
            ("sk?d", "skd", false),
            ("?", "ü", true),
            ("*x", "abc", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }
}
