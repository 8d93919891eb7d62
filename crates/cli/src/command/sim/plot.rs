//! Plots of replays, as SVG.

use std::error::Error;

use plotters::coord::Shift;
use plotters::prelude::*;
use replay::Measures;

use crate::error::{CommandError, Result};

/// The size of a plot, in pixels.
const SIZE: (u32, u32) = (900, 640);
/// Colours of policies, in their order: Okabe and Ito's, which the colour-blind tell apart.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(90, 90, 90),
];
/// Seconds of a day.
const DAY: f64 = 86_400.0;

/// A line by name.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

/// The GPUs in use and the jobs that wait, over time.
pub(super) fn courses(found: &[Measures]) -> Result<String> {
    let line = |value: fn(&replay::Point) -> f64| {
        let lines = found.iter().map(|measures| Line {
            name: measures.policy.clone(),
            points: measures
                .course
                .iter()
                .map(|point| (point.at / DAY, value(point)))
                .collect(),
        });
        lines.collect::<Vec<_>>()
    };
    let (used, waiting) = (line(|point| point.allocation), line(|point| point.waiting));
    drawn(|root| {
        let (above, below) = root.split_vertically(SIZE.1 / 2);
        lines(&above, ("days", "GPUs in use, %"), &used)?;
        lines(&below, ("days", "jobs waiting"), &waiting)
    })
}

/// Lines in one plot, with the titles of its axes.
pub(super) fn of_lines(titles: (&str, &str), of: &[Line]) -> Result<String> {
    drawn(|root| lines(root, titles, of))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn drawn(draw: impl FnOnce(&Area<'_>) -> Result<(), Box<dyn Error>>) -> Result<String> {
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        let done = root.fill(&WHITE).map_err(Into::into).and_then(|()| draw(&root));
        done.map_err(|error| CommandError::failed(format!("the plot cannot be drawn: {error}")))?;
    }
    Ok(text)
}

fn lines(area: &Area<'_>, (across, up): (&str, &str), lines: &[Line]) -> Result<(), Box<dyn Error>> {
    let points = || lines.iter().flat_map(|line| &line.points);
    let (left, right) = points().fold((f64::MAX, f64::MIN), |(least, most), (x, _)| {
        (least.min(*x), most.max(*x))
    });
    let top = points().fold(f64::MIN_POSITIVE, |most, (_, y)| most.max(*y));
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d(left.min(right)..right.max(left), 0.0..1.05 * top)?;
    chart
        .configure_mesh()
        .x_desc(across)
        .y_desc(up)
        .light_line_style(TRANSPARENT)
        .draw()?;
    for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let series = LineSeries::new(line.points.iter().copied(), colour.stroke_width(2));
        let mark = move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2));
        chart.draw_series(series)?.label(&line.name).legend(mark);
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.8))
        .draw()?;
    Ok(())
}
