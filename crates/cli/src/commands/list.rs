//! `wave models` and `wave voices`: what the catalogue holds.

use clap::ArgMatches;
use unicode_width::UnicodeWidthStr as _;
use wavespeed::{CATALOGUE, Choice, Input};

use crate::args::LIPSYNC;
use crate::document::{ModelDocument, VoiceDocument};
use crate::exit::Exit;
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

pub(super) fn voices(matches: &ArgMatches) -> Report {
    let spoken: Option<&String> = matches.get_one("language");
    let input = voice();
    let documents: Vec<VoiceDocument> = choices()
        .map(|choice| VoiceDocument {
            id: choice.value.to_string(),
            names: choice.names.iter().copied().collect(),
            default: input.and_then(|input| input.default) == Some(choice.value),
        })
        .filter(|voice| spoken.is_none_or(|spoken| voice.names.contains_key(spoken.as_str())))
        .collect();
    let languages = languages();
    let rows = documents.iter().map(|voice| {
        let name = |language: &&str| (*voice.names.get(language).unwrap_or(&"-")).to_owned();
        let note = if voice.default { "default" } else { "" };
        let names = languages.iter().map(name);
        [voice.id.clone()]
            .into_iter()
            .chain(names)
            .chain([note.to_owned()])
            .collect()
    });
    let titles: Vec<String> = languages
        .iter()
        .map(|language| language.to_uppercase())
        .collect();
    let titles = titles.iter().map(String::as_str);
    let header: Vec<&str> = ["VOICE"].into_iter().chain(titles).chain([""]).collect();
    answer(&header, rows.collect(), &documents)
}

/// The languages in which any voice has a name.
pub(crate) fn languages() -> Vec<&'static str> {
    let mut languages = Vec::new();
    for (language, _) in choices().flat_map(|choice| choice.names) {
        if !languages.contains(language) {
            languages.push(*language);
        }
    }
    languages
}

fn choices() -> impl Iterator<Item = &'static Choice> {
    voice().into_iter().flat_map(|input| input.shape.choices())
}

fn voice() -> Option<&'static Input> {
    wavespeed::model(LIPSYNC)?.input("voice_id")
}

pub(super) fn answer(
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
pub(super) fn table(header: &[&str], mut rows: Vec<Vec<String>>) -> Vec<String> {
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
