//! `wave voices`: the voices of lip-sync.

use clap::ArgMatches;
use wavespeed::{Choice, Input};

use crate::args::LIPSYNC;
use crate::output::document::VoiceDocument;
use crate::output::report::Report;
use crate::output::table::answer;

pub(super) fn run(matches: &ArgMatches) -> Report {
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
