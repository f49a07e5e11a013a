//! The figures that goals are about as a picture, in SVG: light and dark, by itself.

use std::fmt::Write;

use html_escape::encode_text;

use crate::report::Report;

/// A figure of a table as bars.
struct Panel {
    title: &'static str,
    table: &'static str,
    column: &'static str,
    /// Where lines are drawn, and what they are.
    limits: &'static [(f64, &'static str)],
    /// The end of the names of rows that are left out.
    only: Option<&'static str>,
}

const PANELS: [Panel; 4] = [
    Panel {
        title: "Package of each function, MB",
        table: "functions",
        column: "zip MB",
        limits: &[(2.5, "goal of those that read"), (3.5, "of any")],
        only: None,
    },
    Panel {
        title: "Start, over that of an empty function",
        table: "functions",
        column: "init / floor",
        limits: &[(2.0, "goal of those that read"), (3.0, "of any")],
        only: None,
    },
    Panel {
        title: "Answer of an endpoint, over its bare requests to the table",
        table: "latency",
        column: "p50 / bare",
        limits: &[(1.0, "bare")],
        only: None,
    },
    Panel {
        title: "A million messages, US$",
        table: "cost",
        column: "total $/M",
        limits: &[(8.0, "goal of those that come in by channels")],
        only: Some(": all"),
    },
];

const WIDTH: f64 = 880.0;
const NAMES: f64 = 250.0;
const BARS: f64 = 540.0;
const LINE: f64 = 20.0;

const STYLE: &str = "text{fill:#1f2933;font-size:13px}.title{font-size:15px;font-weight:600}.soft{fill:#52606d;font-size:11px}\
    .bar{fill:#0b7285}.limit{stroke:#a0470b;stroke-dasharray:4 3}\
    @media(prefers-color-scheme:dark){text{fill:#e6edf3}.soft{fill:#a9b4c0}.bar{fill:#56c7d9}.limit{stroke:#f2a65a}}";

/// Draws what was measured of the panels' figures.
pub fn draw(report: &Report) -> String {
    let mut body = String::new();
    let mut y = 0.0;
    for panel in &PANELS {
        y = draw_panel(&mut body, report, panel, y);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" role=\"img\" \
         font-family=\"system-ui, -apple-system, 'Segoe UI', sans-serif\">\
         <title>How small, fast and cheap the functions are</title><style>{STYLE}</style>\n{body}</svg>\n"
    )
}

/// Draws a panel from `y` on. Where it ends.
fn draw_panel(body: &mut String, report: &Report, panel: &Panel, mut y: f64) -> f64 {
    let Some(table) = report.table(panel.table) else { return y };
    let shown = |name: &str| panel.only.is_none_or(|end| name.ends_with(end));
    let rows = table.rows.iter().filter(|row| shown(&row.name));
    let bars: Vec<(&str, f64)> =
        rows.filter_map(|row| Some((row.name.as_str(), table.figure(&row.name, panel.column)?))).collect();
    let most = bars.iter().map(|(_, value)| *value).chain(panel.limits.iter().map(|(at, _)| *at)).fold(0.0, f64::max);
    let scale = BARS / most.max(f64::MIN_POSITIVE);
    // Writing to a String does not fail.
    let _ = writeln!(body, "<text class=\"title\" x=\"8\" y=\"{}\">{}</text>", y + 24.0, encode_text(panel.title));
    y += 52.0;
    let top = y;
    for (name, value) in &bars {
        let name = panel.only.and_then(|end| name.strip_suffix(end)).unwrap_or(name);
        let (middle, length) = (y + 14.0, value * scale);
        let _ = writeln!(
            body,
            "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{}</text>\
             <rect class=\"bar\" x=\"{NAMES}\" y=\"{}\" width=\"{length:.1}\" height=\"13\" rx=\"2\"/>\
             <text class=\"soft\" x=\"{:.1}\" y=\"{middle}\">{value:.2}</text>",
            NAMES - 8.0,
            encode_text(name),
            y + 3.0,
            NAMES + length + 6.0,
        );
        y += LINE;
    }
    for (at, what) in panel.limits {
        let x = NAMES + at * scale;
        let _ = writeln!(
            body,
            "<line class=\"limit\" x1=\"{x:.1}\" y1=\"{}\" x2=\"{x:.1}\" y2=\"{y}\"/>\
             <text class=\"soft\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            top - 4.0,
            top - 8.0,
            encode_text(what),
        );
    }
    y + 16.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Cell, Row, Table};

    #[test]
    fn each_figure_has_its_bar_and_what_was_not_measured_has_none() {
        let row = |name: &str, cell| Row { name: name.to_owned(), cells: vec![cell] };
        let rows = vec![row("floor", Cell::Number(1.75, 2)), row("a<b", Cell::Number(3.5, 2)), row("unknown", Cell::None)];
        let (title, columns) = ("", vec!["zip MB"]);
        let table = Table { name: "functions", title, about: String::new(), of: "function", columns, rows };
        let svg = draw(&Report { tables: vec![table], ..Report::default() });
        assert_eq!(svg.matches("class=\"bar\"").count(), 2);
        assert!(svg.contains("width=\"270.0\"") && svg.contains("width=\"540.0\""), "{svg}");
        assert!(svg.contains("a&lt;b") && !svg.contains("unknown") && !svg.contains("US$"), "{svg}");
    }
}
