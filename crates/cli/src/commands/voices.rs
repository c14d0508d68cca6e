//! `wave voices`: the voices of lip-sync.

use crate::args::catalogue::VoicesArgs;
use crate::lipsync::{languages, voice_input, voices as all_voices};
use crate::output::document::models::VoiceDocument;
use crate::output::report::Report;
use crate::output::table::{answer, cell};

pub(super) fn voices(args: &VoicesArgs) -> Report {
    let default = voice_input().and_then(|input| input.default);
    let speaks = |voice: &VoiceDocument| match &args.language {
        Some(language) => voice.names.contains_key(language.as_str()),
        None => true,
    };
    let documents: Vec<VoiceDocument> = all_voices()
        .map(|choice| VoiceDocument {
            id: choice.value.to_string(),
            names: choice.names.iter().copied().collect(),
            default: default == Some(choice.value),
        })
        // A voice speaks the languages in which it has a name.
        .filter(speaks)
        .collect();
    let languages = languages();
    let rows = documents.iter().map(|voice| {
        let names = languages
            .iter()
            .map(|language| cell(voice.names.get(language)));
        let note = if voice.default { "default" } else { "" };
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
