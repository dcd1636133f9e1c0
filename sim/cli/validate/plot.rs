//! Diagrams as inline SVG, coloured by the page's style sheet.

use super::page::escaped;
use skidpad_manoeuvre::{Plot, Style};
use std::fmt::Write;

/// Size of the drawing, and margins of its field: left, right, top, bottom.
const SIZE: [f64; 2] = [560.0, 330.0];
const MARGINS: [f64; 4] = [54.0, 14.0, 12.0, 40.0];

/// Where values of one axis go on the drawing.
struct Axis {
    low: f64,
    high: f64,
    log: bool,
    from: f64,
    to: f64,
}

impl Axis {
    fn new(values: impl Iterator<Item = f64> + Clone, log: bool, room: f64, [from, to]: [f64; 2]) -> Axis {
        let scaled = values.filter(|v| v.is_finite()).map(|v| if log { v.max(1e-12).log10() } else { v });
        let low = scaled.clone().fold(f64::INFINITY, f64::min);
        let high = scaled.fold(f64::NEG_INFINITY, f64::max);
        if low > high {
            return Axis { low: 0.0, high: 1.0, log: false, from, to };
        }
        let span = if high > low { high - low } else { low.abs().max(1.0) };
        Axis { low: low - room * span, high: high + room * span, log, from, to }
    }

    fn at(&self, value: f64) -> f64 {
        let value = if self.log { value.max(1e-12).log10() } else { value };
        self.from + (self.to - self.from) * (value - self.low) / (self.high - self.low)
    }

    /// Round values to label.
    fn ticks(&self) -> Vec<f64> {
        if self.log {
            let decades = self.low.floor() as i32..=self.high.floor() as i32;
            let all = decades.flat_map(|decade| [1.0, 2.0, 5.0].map(|m| m * 10f64.powi(decade)));
            return all.filter(|v| (self.low..=self.high).contains(&v.log10())).collect();
        }
        let rough = (self.high - self.low) / 6.0;
        let decade = 10f64.powf(rough.log10().floor());
        let step =
            [1.0, 2.0, 5.0, 10.0].map(|m| m * decade).into_iter().find(|s| *s >= rough).unwrap_or(rough);
        let first = (self.low / step).ceil() as i64;
        let last = (self.high / step).floor() as i64;
        (first..=last).map(|i| i as f64 * step).collect()
    }
}

/// One diagram with its legend, as an HTML figure.
pub fn figure(plot: &Plot) -> String {
    let [width, height] = SIZE;
    let [left, right, top, bottom] = MARGINS;
    let points = || plot.series.iter().flat_map(|series| &series.points);
    let x = Axis::new(points().map(|p| p[0]), plot.log_x, 0.0, [left, width - right]);
    let y = Axis::new(points().map(|p| p[1]), false, 0.05, [height - bottom, top]);
    let mut out = String::from("<figure>");
    let _ = write!(out, "<figcaption>{}</figcaption>", escaped(&plot.title));
    let _ = write!(
        out,
        "<svg class=\"drawing\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">",
        escaped(&plot.title)
    );
    for (value, text) in labels(&x.ticks()) {
        let at = x.at(value);
        let _ = write!(
            out,
            "<path class=\"grid\" d=\"M{at:.1} {top:.1}V{:.1}\"/>\
             <text class=\"tick\" x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{text}</text>",
            height - bottom,
            height - bottom + 15.0
        );
    }
    for (value, text) in labels(&y.ticks()) {
        let at = y.at(value);
        let class = if value == 0.0 { "grid zero" } else { "grid" };
        let _ = write!(
            out,
            "<path class=\"{class}\" d=\"M{left:.1} {at:.1}H{:.1}\"/>\
             <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
            width - right,
            left - 6.0,
            at + 4.0
        );
    }
    let mut colour = 0;
    let mut legend = String::new();
    for series in &plot.series {
        // A curve without a name belongs to the one before.
        if !series.name.is_empty() {
            colour += 1;
            let class = class(series.style);
            let stroke = if series.style == Style::Dots { "M11 5h.01" } else { "M1 5H21" };
            let _ = write!(
                legend,
                "<span><svg class=\"key\" viewBox=\"0 0 22 10\"><path class=\"{class} c{colour}\" d=\"{stroke}\"/></svg>{}</span>",
                escaped(&series.name)
            );
        }
        let finite = series.points.iter().filter(|p| p[0].is_finite() && p[1].is_finite());
        let mut path = String::new();
        for (index, point) in finite.enumerate() {
            let (px, py) = (x.at(point[0]), y.at(point[1]));
            let _ = match (series.style, index) {
                (Style::Dots, _) => write!(path, "M{px:.1} {py:.1}h.01"),
                (_, 0) => write!(path, "M{px:.1} {py:.1}"),
                _ => write!(path, "L{px:.1} {py:.1}"),
            };
        }
        if !path.is_empty() {
            let _ = write!(out, "<path class=\"{} c{colour}\" d=\"{path}\"/>", class(series.style));
        }
    }
    let _ = write!(
        out,
        "<text class=\"label\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
        0.5 * (left + width - right),
        height - 5.0,
        escaped(plot.x_label)
    );
    if !plot.y_label.is_empty() {
        let middle = 0.5 * (top + height - bottom);
        let _ = write!(
            out,
            "<text class=\"label\" transform=\"translate(12 {middle:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            escaped(plot.y_label)
        );
    }
    let _ = write!(out, "</svg><p class=\"legend\">{legend}</p></figure>");
    out
}

fn class(style: Style) -> &'static str {
    match style {
        Style::Line => "line",
        Style::Dashed => "dashed",
        Style::Dots => "dots",
    }
}

/// Values with labels of equally many decimals.
fn labels(values: &[f64]) -> Vec<(f64, String)> {
    let needed = |v: f64| {
        (0..6).find(|d| {
            let scale = 10f64.powi(*d);
            ((v * scale).round() / scale - v).abs() < 1e-9 * v.abs().max(1.0)
        })
    };
    let decimals = values.iter().filter_map(|v| needed(*v)).max().unwrap_or(0) as usize;
    values.iter().map(|v| (*v, format!("{v:.decimals$}").replace('-', "−"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside_the_axis() {
        let axis = Axis::new([0.0, 0.93].into_iter(), false, 0.0, [0.0, 100.0]);
        let texts: Vec<String> = labels(&axis.ticks()).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["0.0", "0.2", "0.4", "0.6", "0.8"]);
        let log = Axis::new([0.2, 4.0].into_iter(), true, 0.0, [0.0, 100.0]);
        let texts: Vec<String> = labels(&log.ticks()).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["0.2", "0.5", "1.0", "2.0"]);
        assert!((log.at(0.2) - 0.0).abs() < 1e-9 && (log.at(4.0) - 100.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_to_draw_is_an_empty_field() {
        let plot = Plot {
            manoeuvre: "",
            title: "a < b".into(),
            x_label: "x",
            y_label: "y",
            log_x: true,
            series: Vec::new(),
        };
        let svg = figure(&plot);
        assert!(svg.contains("a &lt; b") && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}
