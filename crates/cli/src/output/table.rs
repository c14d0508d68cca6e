//! Tables on stdout.

use unicode_width::UnicodeWidthStr as _;

use super::exit::Exit;
use super::report::{Report, pretty};

pub(crate) fn answer(
    header: &[&str],
    rows: Vec<Vec<String>>,
    documents: &impl serde::Serialize,
) -> Report {
    Report::Answer {
        lines: table(header, rows),
        json: pretty(documents),
        exit: Exit::Done,
    }
}

/// Lines with columns below each other, by the width that a terminal gives each character.
pub(crate) fn table(header: &[&str], mut rows: Vec<Vec<String>>) -> Vec<String> {
    rows.insert(0, header.iter().map(|title| (*title).to_owned()).collect());
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].width())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.width())));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}
