//! The page with the table and the plots: one HTML file that needs nothing else.

use super::{count, number, plot, range, verdict};
use skidpad_manoeuvre::{Figure, Validation};
use std::fmt::Write;

/// The whole page.
pub fn page(title: &str, description: &str, validation: &Validation) -> String {
    let (counting, passed) = count(validation);
    let all = if validation.passed() { "good" } else { "bad" };
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}: validation</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <header>\n<h1>{title}</h1>\n<p>{description}</p>\n\
         <p class=\"sum {all}\"><strong>{passed} of {counting}</strong> figures lie in their accepted range</p>\n\
         </header>\n",
        title = escaped(title),
        description = escaped(description),
    );
    outside(&mut out, validation);
    for group in validation.figures.chunk_by(|a, b| a.manoeuvre == b.manoeuvre) {
        let name = group[0].manoeuvre;
        let _ = write!(out, "<section>\n<h2>{}</h2>\n", escaped(name));
        rows(&mut out, group);
        out.push_str("<div class=\"plots\">\n");
        for diagram in validation.plots.iter().filter(|diagram| diagram.manoeuvre == name) {
            out.push_str(&plot::figure(diagram));
            out.push('\n');
        }
        out.push_str("</div>\n</section>\n");
    }
    out.push_str(NOTES);
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

/// The figures that made the car fail, first of all.
fn outside(out: &mut String, validation: &Validation) {
    let failed: Vec<&Figure> =
        validation.figures.iter().filter(|figure| !figure.passed && !figure.informative).collect();
    if failed.is_empty() {
        return;
    }
    out.push_str("<ul class=\"outside\">\n");
    for figure in failed {
        let _ = writeln!(
            out,
            "<li>{}: {} <b>{}</b>{}{}, accepted {}</li>",
            escaped(figure.manoeuvre),
            escaped(figure.name),
            number(figure.value),
            if figure.unit.is_empty() { "" } else { " " },
            escaped(figure.unit),
            range(figure)
        );
    }
    out.push_str("</ul>\n");
}

fn rows(out: &mut String, figures: &[Figure]) {
    out.push_str(
        "<div class=\"table\"><table>\n<thead><tr><th>figure</th><th class=\"n\">value</th><th>unit</th>\
         <th class=\"n\">accepted</th><th></th><th>verdict</th><th>source</th></tr></thead>\n<tbody>\n",
    );
    for figure in figures {
        let class = match (figure.passed, figure.informative) {
            (true, _) => "good",
            (false, false) => "bad",
            (false, true) => "note",
        };
        let _ = writeln!(
            out,
            "<tr class=\"{class}\"><td>{}</td><td class=\"n v\">{}</td><td>{}</td><td class=\"n\">{}</td>\
             <td>{}</td><td class=\"verdict\">{}</td><td class=\"source\">{}</td></tr>",
            escaped(figure.name),
            number(figure.value),
            escaped(figure.unit),
            range(figure),
            gauge(figure),
            verdict(figure),
            escaped(&figure.source),
        );
    }
    out.push_str("</tbody>\n</table></div>\n");
}

/// The value as a mark over its range, which is the middle half of the gauge.
fn gauge(figure: &Figure) -> String {
    let (low, high) = match (figure.low, figure.high) {
        (Some(low), Some(high)) => (low, high),
        (Some(low), None) => (low, low + low.abs()),
        (None, Some(high)) => (high - high.abs(), high),
        (None, None) => return String::new(),
    };
    let (from, to) =
        (if figure.low.is_some() { 30.0 } else { 0.0 }, if figure.high.is_some() { 90.0 } else { 120.0 });
    let mut svg = format!(
        "<svg class=\"gauge\" viewBox=\"0 0 120 14\" aria-hidden=\"true\"><rect class=\"rail\" y=\"5\" width=\"120\" height=\"4\" rx=\"2\"/>\
         <rect class=\"range\" x=\"{from}\" y=\"5\" width=\"{}\" height=\"4\"/>",
        to - from
    );
    if figure.value.is_finite() && high > low {
        let at = (30.0 + 60.0 * (figure.value - low) / (high - low)).clamp(3.0, 117.0);
        let _ = write!(svg, "<circle class=\"mark\" cx=\"{at:.1}\" cy=\"7\" r=\"4.5\"/>");
    }
    svg + "</svg>"
}

/// Text as it stands in HTML and in its attributes.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

const NOTES: &str = "<footer>\n<p>The vehicle model alone on level, dry ground, steering moved by a steering \
robot; times of the steering count from half of its step. Accelerations and sideslip at the centre of mass in \
horizontal axes that turn with the car.</p>\n<p>Sources: [P] published, [M] measured on the car, [C] read in \
code of others, [N] closed form, [R] textbook value, not verified. Rows marked <i>info</i> fail no \
car.</p>\n</footer>\n";

const STYLE: &str = "\
:root { color-scheme: light dark; --bg: #f7f7f5; --card: #fff; --ink: #1d2329; --soft: #667079; --rule: #dfe2e4;
  --good: #1a7f4b; --bad: #c0352b; --note: #9a6700; --range: #b9dfc8;
  --c1: #1f6feb; --c2: #d9480f; --c3: #2b8a3e; --c4: #9c36b5; --c5: #868e96; --c6: #0c8599; }
@media (prefers-color-scheme: dark) {
  :root { --bg: #14181c; --card: #1c2227; --ink: #e4e8eb; --soft: #98a3ac; --rule: #333b42;
    --good: #56c98a; --bad: #ff7b70; --note: #e0b050; --range: #2c5a41;
    --c1: #6aa8ff; --c2: #ff8f5a; --c3: #69c97d; --c4: #d08ae6; --c5: #9aa4ad; --c6: #4cc3d4; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 20px 48px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0; }
header p { margin: 6px 0 0; color: var(--soft); }
header .sum { display: inline-block; margin-top: 14px; padding: 6px 12px; border-radius: 6px; color: var(--ink);
  background: var(--card); border: 1px solid var(--rule); border-left: 4px solid var(--good); }
header .sum.bad { border-left-color: var(--bad); }
.outside { margin: 12px 0 0; padding-left: 20px; }
.outside b { color: var(--bad); }
section { margin-top: 26px; padding: 18px 20px; background: var(--card); border: 1px solid var(--rule); border-radius: 10px; }
h2 { font-size: 17px; margin: 0 0 8px; }
.table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th { text-align: left; font-weight: 500; color: var(--soft); }
th, td { padding: 5px 12px 5px 0; border-bottom: 1px solid var(--rule); white-space: nowrap; }
tbody tr:last-child td { border-bottom: 0; }
td:first-child { white-space: normal; min-width: 200px; }
.n { text-align: right; font-variant-numeric: tabular-nums; }
.v { font-weight: 650; }
.source { color: var(--soft); white-space: normal; min-width: 220px; font-size: 13px; }
.verdict { font-weight: 600; }
.good .verdict { color: var(--good); } .bad .verdict, .bad .v { color: var(--bad); } .note .verdict { color: var(--note); }
.gauge { width: 120px; height: 14px; display: block; }
.rail { fill: var(--rule); } .range { fill: var(--range); }
.good .mark { fill: var(--good); } .bad .mark { fill: var(--bad); } .note .mark { fill: var(--note); }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 18px; margin-top: 14px; }
figure { margin: 0; min-width: 0; max-width: 640px; }
figcaption { font-weight: 600; font-size: 14px; margin-bottom: 2px; }
.drawing { width: 100%; height: auto; display: block; }
.grid { stroke: var(--rule); stroke-width: 1; fill: none; } .zero { stroke: var(--soft); }
.tick { fill: var(--soft); font-size: 11.5px; } .label { fill: var(--soft); font-size: 12.5px; }
.line, .dashed { fill: none; stroke-width: 1.9; stroke-linejoin: round; } .dashed { stroke-dasharray: 5 4; stroke-width: 1.5; }
.dots { fill: none; stroke-width: 6; stroke-linecap: round; }
.c1 { stroke: var(--c1); } .c2 { stroke: var(--c2); } .c3 { stroke: var(--c3); }
.c4 { stroke: var(--c4); } .c5 { stroke: var(--c5); } .c6 { stroke: var(--c6); }
.legend { margin: 4px 0 0; display: flex; flex-wrap: wrap; gap: 2px 16px; font-size: 13px; color: var(--soft); }
.legend span { display: inline-flex; align-items: center; gap: 6px; }
.key { width: 22px; height: 10px; }
footer { margin-top: 26px; color: var(--soft); font-size: 13px; }
footer p { margin: 4px 0; }
@media print { body { background: #fff; } section { break-inside: avoid-page; } }
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_cannot_leave_its_place() {
        assert_eq!(escaped("<b>\"A & B\"\u{7}"), "&lt;b&gt;&quot;A &amp; B&quot;\u{fffd}");
    }
}
