//! `wave models` and `wave voices`: what the catalogue holds.

use unicode_width::UnicodeWidthStr as _;
use wavespeed::{CATALOGUE, Literal};

use crate::args::LIPSYNC;
use crate::document::{ModelDocument, VoiceDocument};
use crate::report::{Report, pretty};

pub(super) fn models() -> Report {
    let documents: Vec<ModelDocument> = CATALOGUE
        .iter()
        .map(|model| ModelDocument {
            id: model.id,
            name: model.name,
            kind: model.kind,
            description: model.about,
            docs: model.docs,
        })
        .collect();
    let rows = documents
        .iter()
        .map(|model| vec![model.id.into(), model.kind.into(), model.name.into()]);
    answer(&["MODEL", "TYPE", "NAME"], rows.collect(), &documents)
}

pub(super) fn voices() -> Report {
    let input = wavespeed::model(LIPSYNC).and_then(|model| model.input("voice_id"));
    let documents: Vec<VoiceDocument> = input
        .into_iter()
        .flat_map(|input| {
            input
                .shape
                .choices()
                .iter()
                .map(|choice| (choice, input.default))
        })
        .map(|(choice, default): (_, Option<Literal>)| VoiceDocument {
            id: choice.value.to_string(),
            names: choice.names.iter().copied().collect(),
            default: default == Some(choice.value),
        })
        .collect();
    let rows = documents.iter().map(|voice| {
        let name = |language| (*voice.names.get(language).unwrap_or(&"-")).to_owned();
        let note = if voice.default { "default" } else { "" };
        vec![voice.id.clone(), name("en"), name("zh"), note.to_owned()]
    });
    answer(&["VOICE", "EN", "ZH", ""], rows.collect(), &documents)
}

pub(super) fn answer(
    header: &[&str],
    rows: Vec<Vec<String>>,
    documents: &impl serde::Serialize,
) -> Report {
    Report::Answer {
        lines: table(header, rows),
        json: pretty(documents),
    }
}

/// Lines with columns below each other, by the width that a terminal gives each character.
fn table(header: &[&str], mut rows: Vec<Vec<String>>) -> Vec<String> {
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
