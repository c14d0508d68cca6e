//! Tables on stdout.

use unicode_width::UnicodeWidthStr as _;

use super::report::Report;

/// Returns a report that shows a table, or documents with `--json`.
pub(crate) fn answer(
    header: &[&str],
    rows: Vec<Vec<String>>,
    documents: &impl serde::Serialize,
) -> Report {
    Report::answer(table(header, rows), documents)
}

/// Formats rows in columns, by the width that a terminal gives each character.
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

/// Returns a cell, which is a dash without a value.
pub(crate) fn cell(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}
