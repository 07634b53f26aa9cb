//! Draws the figures as SVG: the median response time over the number of callers, with logarithmic scales on both axes.

use std::fmt::Write as _;
use std::fs;

use deed_tests::services::{Result, workspace};

use super::figures::Table;
use super::{CROWDS, KINDS};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 30.0;

pub(super) fn draw(table: &Table) -> Result<()> {
    let lines = ["whole"].into_iter().chain(KINDS);
    let mut text = String::new();
    writeln!(
        text,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 470\" font-family=\"sans-serif\" font-size=\"13\">"
    )?;
    writeln!(text, "<rect width=\"760\" height=\"470\" fill=\"white\"/>")?;
    writeln!(
        text,
        "<text x=\"{LEFT}\" y=\"18\">p50 in µs over callers at a time; the floor is `whole`</text>"
    )?;
    for power in 2..=6 {
        let y = y(10_f64.powi(power));
        writeln!(text, "<path d=\"M{LEFT} {y}H{}\" stroke=\"#ddd\"/>", LEFT + WIDTH)?;
        writeln!(
            text,
            "<text x=\"8\" y=\"{}\">{}</text>",
            y + 4.0,
            10_u32.pow(power.unsigned_abs())
        )?;
    }
    for callers in CROWDS {
        writeln!(
            text,
            "<text x=\"{}\" y=\"{}\">{callers}</text>",
            x(callers),
            TOP + HEIGHT + 20.0
        )?;
    }
    for (what, colour) in lines.zip(["#888", "#2a7", "#86b", "#27c", "#c52", "#a80", "#085"]) {
        let points: Vec<String> = CROWDS
            .iter()
            .map(|n| format!("{:.1},{:.1}", x(*n), y(table.of(what, *n).p50_us.max(1.0))))
            .collect();
        let end = y(table.of(what, 256).p50_us.max(1.0));
        let points = points.join(" ");
        writeln!(
            text,
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
        )?;
        writeln!(
            text,
            "<text x=\"{}\" y=\"{end}\" fill=\"{colour}\">{what}</text>",
            LEFT + WIDTH - 20.0
        )?;
    }
    writeln!(text, "</svg>")?;
    let dir = workspace().join("target/bench");
    fs::create_dir_all(&dir)?;
    Ok(fs::write(dir.join("action.svg"), text)?)
}

/// The horizontal axis covers 1 to 256 callers.
fn x(callers: u64) -> f64 {
    let doublings = f64::from(callers.max(1).ilog2());
    LEFT + doublings / 8.0 * (WIDTH - 30.0)
}

/// The vertical axis covers 100 µs to 1 s.
fn y(us: f64) -> f64 {
    TOP + HEIGHT - (us.log10() - 2.0) / 4.0 * HEIGHT
}
