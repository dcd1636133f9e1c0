//! A message as a tree, from what it says of itself.

use std::fmt::Debug;

/// Most lines of a message that are shown.
const MAX_LINES: usize = 2000;

/// A field of a message, or the message itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Name and value, or name and type.
    pub text: String,
    /// What is in it.
    pub children: Vec<Node>,
}

/// The tree of a message: absent fields are left out, present ones shown without the wrapping that says so.
pub fn tree(message: &impl Debug) -> Vec<Node> {
    let text = format!("{message:#?}");
    let mut lines = text.lines().take(MAX_LINES).peekable();
    let mut nodes = Vec::new();
    while let Some(node) = node(&mut lines) {
        nodes.extend(node);
    }
    nodes
}

/// The next node; `Some(None)` for one that is not worth showing.
fn node<'a>(lines: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> Option<Option<Node>> {
    let line = lines.next()?.trim().trim_end_matches(',');
    if matches!(line, "}" | "]" | ")" | "},") {
        return Some(None);
    }
    let opens = line.ends_with(['{', '[', '(']);
    if !opens {
        let absent = line.ends_with(": None") || line.ends_with(": []");
        return Some((!absent).then(|| Node { text: line.to_string(), children: Vec::new() }));
    }
    let mut children = Vec::new();
    while let Some(next) = lines.peek() {
        if matches!(next.trim().trim_end_matches(','), "}" | "]" | ")") {
            lines.next();
            break;
        }
        children.extend(node(lines)?);
    }
    let name = line.trim_end_matches(['{', '[', '(']).trim();
    // `field: Some(` is wrapping only.
    if let Some(name) = name.strip_suffix("Some") {
        let name = name.trim_end();
        return Some(match &mut children[..] {
            [only] => {
                let only = std::mem::replace(only, Node { text: String::new(), children: Vec::new() });
                let text = if name.is_empty() { only.text } else { format!("{name} {}", only.text) };
                Some(Node { text, children: only.children })
            }
            _ => Some(Node { text: name.to_string(), children }),
        });
    }
    Some(Some(Node { text: name.to_string(), children }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    #[allow(dead_code)] // read by Debug
    struct Inner {
        x: Option<f64>,
        absent: Option<f64>,
    }

    #[derive(Debug)]
    #[allow(dead_code)] // read by Debug
    struct Outer {
        name: Option<String>,
        inner: Option<Inner>,
        none: Option<Inner>,
        list: Vec<Inner>,
    }

    #[test]
    fn absent_fields_are_left_out_and_present_ones_unwrapped() {
        let inner = || Inner { x: Some(1.5), absent: None };
        let message =
            Outer { name: Some("a".into()), inner: Some(inner()), none: None, list: vec![inner(), inner()] };
        let tree = tree(&message);
        let [outer] = &tree[..] else { panic!("{tree:?}") };
        assert_eq!(outer.text, "Outer");
        let texts: Vec<&str> = outer.children.iter().map(|node| node.text.as_str()).collect();
        assert_eq!(texts, ["name: \"a\"", "inner: Inner", "list:"]);
        assert_eq!(outer.children[1].children[0].text, "x: 1.5");
        assert_eq!(outer.children[2].children.len(), 2);
    }

    #[test]
    fn a_real_message_becomes_a_tree() {
        let command =
            skidpad_msgs::apollo::control::ControlCommand { throttle: Some(20.0), ..Default::default() };
        let tree = tree(&command);
        assert!(tree[0].children.iter().any(|node| node.text == "throttle: 20.0"), "{tree:?}");
    }
}
