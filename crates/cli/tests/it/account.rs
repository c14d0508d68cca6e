//! Tests of the account: the history, charges, deletion, and models outside the catalogue.

use std::time::Duration;

use serde_json::{Value, json};
use wavespeed_emulator::{Clock, Credit, Ending, Scenario};

use super::harness::{Emulated, Wave};

const TTS: [&str; 4] = ["run", "kwaivgi/kling-v1-tts", "--text", "Hello"];
const NEW: &str = "acme/new-1/image-to-image";

/// The bundle with one model more, which the catalogue does not have.
fn bundle() -> String {
    let mut bundle: Value =
        serde_json::from_str(include_str!("../../../../spec/dist/openapi.json")).unwrap();
    let like = "/kwaivgi/kling-effects";
    let mut submit = bundle["paths"][like].clone();
    submit["post"]["operationId"] = json!("submit_new");
    submit["post"]["x-model"] = json!({ "id": NEW, "type": "image-to-image" });
    let schema = json!({ "$ref": "#/components/schemas/New" });
    submit["post"]["requestBody"]["content"]["application/json"]["schema"] = schema;
    bundle["paths"][format!("/{NEW}")] = submit;
    bundle["components"]["schemas"]["New"] = json!({
        "type": "object",
        "required": ["image"],
        "properties": {
            "image": { "type": "string" },
            "steps": { "type": "integer", "maximum": 9 },
        },
    });
    bundle.to_string()
}

#[test]
fn vendor_list_does_not_control_the_terminal() {
    let bad = "\u{1b}[2J\u{202e}";
    let mut evil: Value = serde_json::from_str(&bundle()).unwrap();
    evil["paths"][format!("/{NEW}")]["post"]["x-model"]["type"] = bad.into();
    evil["paths"][format!("/{NEW}")]["post"]["description"] = bad.into();
    evil["components"]["schemas"]["New"]["properties"] = json!({ format!("in{bad}"): {
        "type": "string", "description": bad, "default": bad, "enum": [bad, "b"], "title": bad,
    } });
    let emulated = Emulated::start(|builder| builder.bundle(evil.to_string()));
    let wave = emulated.wave();
    let input = format!("in{bad}=c");
    for words in [
        &["models", "--live"][..],
        &["models", "--live", "--json"],
        &["schema", NEW, "--live"],
        &["schema", NEW, "--live", "--json"],
        &["run", NEW, "--live", "--help"],
        &["run", NEW, "--live", "-i", &input],
        &["run", NEW, "--live", "-i", &input, "--json"],
    ] {
        let run = wave.run(words).to_string();
        assert!(!run.contains(['\u{1b}', '\u{202e}']), "{words:?}\n{run:?}");
    }
}

fn with_new_model() -> (Emulated, Wave) {
    let emulated = Emulated::start(|builder| builder.bundle(bundle()));
    let wave = emulated.wave();
    (emulated, wave)
}

/// The input of the task that was submitted last.
fn last_input(emulated: &Emulated) -> Value {
    let tasks = emulated.emulator.tasks();
    let tasks = tasks.iter().map(|id| emulated.emulator.task(id).unwrap());
    tasks.last().unwrap().input.into()
}

/// The ids of jobs with different inputs.
fn ids(wave: &Wave, count: usize) -> Vec<String> {
    let submit = |number: usize| {
        let text = format!("Hello {number}");
        wave.quick(&["run", "kwaivgi/kling-v1-tts", "--text", &text, "--no-wait"])
    };
    let ids = (0..count).map(submit).map(|run| {
        assert_eq!(run.exit, 0, "{run}");
        run.stdout.trim().to_owned()
    });
    ids.collect()
}

#[test]
fn any_model_can_be_run_and_is_checked_by_the_vendors_list() {
    let (emulated, wave) = with_new_model();
    std::fs::write(wave.path("photo.png"), b"\x89PNG\r\n\x1a\nnot much of one").unwrap();

    // Without the list, the inputs are not known and are sent unchanged.
    let blind = wave.quick(&[
        "run",
        NEW,
        "-i",
        "image=https://a.example/b.png",
        "-i",
        "steps=3",
    ]);
    assert_eq!((blind.exit, emulated.emulator.billed()), (0, 1), "{blind}");
    assert!(
        blind.stderr.contains("its inputs are not checked"),
        "{blind}"
    );
    let sent = last_input(&emulated);
    assert_eq!(
        sent,
        json!({ "image": "https://a.example/b.png", "steps": 3 })
    );
    let path = wave.quick(&["run", NEW, "-i", "image=photo.png"]);
    assert_eq!(path.exit, 2, "{path}");
    assert!(path.stderr.contains("wave upload FILE"), "{path}");

    let price = wave.quick(&["price", NEW, "-i", "image=photo.png"]);
    assert!(
        price.stderr.contains("priced without image") || price.stdout.contains("image"),
        "{price}"
    );
    let sent = format!("{:?}", emulated.emulator.requests());
    assert!(!sent.contains("photo.png"), "{sent}");
    let wanted = [
        "run",
        NEW,
        "-i",
        "image=photo.png",
        "--force-input",
        "local",
    ];
    assert_eq!(
        (wave.quick(&wanted).exit, emulated.emulator.billed()),
        (0, 2)
    );
    // What is not understood swallows nothing behind it.
    for live in [&[][..], &["--live"]] {
        let words = [
            "run",
            NEW,
            "-i",
            "image=https://a.example/b",
            "--sead",
            "5",
            "--max-price",
            "0.01",
        ];
        let unknown = wave.quick(&[&words, live].concat());
        assert_eq!(
            (unknown.exit, emulated.emulator.billed()),
            (2, 2),
            "{unknown}"
        );
        assert!(
            unknown.stderr.contains("--sead is not understood"),
            "{unknown}"
        );
        let first = wave.quick(&[&["run", NEW], live, &words[2..]].concat());
        assert_eq!((first.exit, emulated.emulator.billed()), (2, 2), "{first}");
    }

    // With it they are checked, and a file is one.
    let faults = wave.quick(&["run", NEW, "--live", "-i", "stepz=3", "-i", "steps=10"]);
    assert_eq!(faults.exit, 2, "{faults}");
    for part in [
        "image",
        "is required",
        "did you mean \"steps\"?",
        "-i steps is 10, which is too large; use 9 or less",
        "wave schema",
    ] {
        assert!(faults.stderr.contains(part), "{part} in {faults}");
    }
    assert_eq!(emulated.emulator.billed(), 2);
    let live = wave.quick(&["run", NEW, "--live", "-i", "image=photo.png"]);
    assert_eq!((live.exit, emulated.emulator.billed()), (0, 3), "{live}");
    let sent = last_input(&emulated);
    assert!(
        sent["image"]
            .as_str()
            .unwrap()
            .starts_with(emulated.emulator.origin())
    );

    // The list was asked for once.
    let lists = || {
        let asked = emulated.emulator.requests();
        let lists = asked
            .iter()
            .filter(|request| request.path.ends_with("/models"));
        lists.count()
    };
    assert_eq!(lists(), 1);
    let twice = wave.quick(&["run", NEW, "--live", "-i", "steps=3", "-i", "steps=4"]);
    assert_eq!(twice.exit, 2, "{twice}");
    assert!(
        twice.stderr.contains("-i steps is given more than once"),
        "{twice}"
    );
    // What the kept list does not have may be newer than it.
    let unknown = wave.quick(&["run", "acme/new-1/image-to-imag", "--live"]);
    assert_eq!(lists(), 2);
    assert!(
        unknown.stderr.contains(&format!("did you mean {NEW}?")),
        "{unknown}"
    );
}

#[test]
fn damaged_or_old_cache_is_fetched_again() {
    let (emulated, wave) = with_new_model();
    let list = || {
        wave.quick(&["models", "--live", "--json"])
            .json()
            .as_array()
            .unwrap()
            .len()
    };
    let count = list();
    assert!(count > 20);
    let file = std::fs::read_dir(wave.cache())
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    std::fs::write(&file, "{").unwrap();
    assert_eq!(list(), count);
    let old = std::time::SystemTime::now() - Duration::from_secs(2 * 60 * 60);
    let kept = std::fs::File::options().write(true).open(&file).unwrap();
    kept.set_modified(old).unwrap();
    assert_eq!((list(), list()), (count, count));
    let asked = emulated.emulator.requests();
    assert_eq!(
        asked
            .iter()
            .filter(|request| request.path.ends_with("/models"))
            .count(),
        3
    );
}

#[test]
fn models_are_found_by_words_type_and_provider() {
    let (_emulated, wave) = with_new_model();
    let ids = |arguments: &[&str]| -> Vec<String> {
        let run = wave.quick(&[&["models", "--json"], arguments].concat());
        let models = run.json();
        let models = models.as_array().unwrap().iter();
        models
            .map(|model| model["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        ids(&["LIPSYNC", "audio"]),
        ["kwaivgi/kling-lipsync/audio-to-video"]
    );
    assert_eq!(ids(&["--type", "text-to-audio"]), ["kwaivgi/kling-v1-tts"]);
    assert_eq!(ids(&["--provider", "acme", "--live"]), [NEW]);
    assert_eq!(ids(&["--provider", "kwaivgi"]).len(), 20);
    let none = wave.quick(&["models", "nothing at all"]);
    assert_eq!(none.exit, 0);
    assert!(
        none.stderr
            .contains("no model was found; --live searches all"),
        "{none}"
    );
}

#[test]
fn a_schema_is_shown_and_valid() {
    let (_emulated, wave) = with_new_model();
    let shown = wave.quick(&["schema", "kwaivgi/kling-v1-tts"]);
    assert!(
        shown
            .stdout
            .contains("one of: genshin_vindi2 (Sunny, 阳光少年)"),
        "{shown}"
    );
    let schema = wave
        .quick(&["schema", "kwaivgi/kling-v1-tts", "--json"])
        .json();
    let judge = jsonschema::validator_for(&schema).unwrap();
    assert!(judge.is_valid(&json!({ "text": "a", "voice_id": "AOT", "speed": 2 })));
    for wrong in [
        json!({ "text": "a" }),
        json!({ "text": "", "voice_id": "AOT" }),
        json!({ "text": "a", "voice_id": "AOT", "speed": 2.1 }),
    ] {
        assert!(!judge.is_valid(&wrong), "{wrong}");
    }
    let live = wave.quick(&["schema", NEW, "--live", "--json"]).json();
    assert_eq!(live["x-order-properties"], json!(["image", "steps"]));
    let unknown = wave.quick(&["schema", NEW]);
    assert_eq!(unknown.exit, 2, "{unknown}");
    assert!(
        unknown
            .stderr
            .contains(&format!("wave schema {NEW} --live")),
        "{unknown}"
    );
}

#[test]
fn the_history_is_listed_and_filtered() {
    let emulated = Emulated::start(|builder| builder.task_time(Duration::ZERO));
    let wave = emulated.wave();
    let ids = ids(&wave, 3);
    let listed = |arguments: &[&str]| -> Vec<String> {
        let run = wave.quick(&[&["history", "--json"], arguments].concat());
        let tasks = run.json();
        let tasks = tasks.as_array().unwrap_or_else(|| panic!("{run}")).iter();
        tasks
            .map(|task| task["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let newest: Vec<String> = ids.iter().rev().cloned().collect();
    assert_eq!(listed(&[]), newest);
    assert_eq!(listed(&["--limit", "2"]), newest[..2]);
    assert_eq!(listed(&["--model", "kwaivgi/kling-effects"]), [""; 0]);
    assert_eq!(listed(&["--status", "completed", "--since", "1h"]), newest);
    assert_eq!(listed(&["--until", "1h"]), [""; 0]);
    let more = wave.quick(&["history", "--limit", "1"]);
    assert!(
        more.stderr
            .contains("there may be more than 1; --limit shows more"),
        "{more}"
    );
    assert_eq!(wave.quick(&["history", "--since", "soon"]).exit, 2);
}

#[test]
fn delete_asks_first_and_refuses_open_jobs() {
    let emulated = Emulated::start(|builder| builder.task_time(Duration::ZERO));
    let wave = emulated.wave();
    let ids = ids(&wave, 2);
    let delete = |arguments: &[&str]| wave.quick(&[&["delete"], arguments].concat());
    // Nobody is there who could be asked.
    let asked = delete(&[&ids[0]]);
    assert_eq!(asked.exit, 2, "{asked}");
    assert!(
        asked.stderr.contains("delete without a question: --yes"),
        "{asked}"
    );
    let open = delete(&[&ids[0], "--yes"]);
    assert_eq!(open.exit, 2, "{open}");
    assert!(
        open.stderr
            .contains("is still open: its outputs would be lost; nothing was deleted"),
        "{open}"
    );
    assert_eq!(wave.quick(&["wait", "j1", "-o", "one.mp4"]).exit, 0);
    let done = delete(&["j1", "--yes", "--json"]);
    assert_eq!(done.json(), json!({ "asked": 1, "deleted": 1 }), "{done}");
    assert_eq!(wave.quick(&["show", &ids[0]]).exit, 6);
    let again = delete(&[&ids[0], &ids[1], "--yes", "--force"]);
    assert_eq!(
        (again.exit, again.stdout.trim()),
        (6, "deleted: 1 of 2"),
        "{again}"
    );
    assert!(again.stderr.contains("1 of 2 were not deleted"), "{again}");
    assert_eq!(delete(&["..", "--yes"]).exit, 2);
    let jobs = wave.quick(&["jobs", "--json"]).json();
    let mut jobs = jobs.as_array().unwrap().iter();
    assert!(jobs.all(|job| job["open"] == false), "{again}");
}

#[test]
fn nothing_is_deleted_while_an_outcome_is_unknown() {
    let scenario: Scenario = "submit once lose-answer".parse().unwrap();
    let emulated = Emulated::start(|builder| builder.scenario(scenario).task_time(Duration::ZERO));
    let wave = emulated.wave();
    let lost = wave.quick(&[&TTS[..], &["--no-wait", "--no-adopt"]].concat());
    assert_ne!(lost.exit, 0, "{lost}");
    let id = emulated.emulator.tasks().remove(0);
    let refused = wave.quick(&["delete", &id, "--yes"]);
    assert_eq!(
        (refused.exit, emulated.emulator.tasks().len()),
        (2, 1),
        "{refused}"
    );
    assert!(refused.stderr.contains("wave resume j1"), "{refused}");
}

#[test]
fn charges_and_refunds_add_up() {
    let clock = Clock::manual();
    let emulated = Emulated::start(|builder| {
        builder
            .clock(clock.clone())
            .credit(Credit::new(0.25, 1.0))
            .ending(Ending::failed("no face was found"))
            .task_time(Duration::from_secs(60))
    });
    let wave = emulated.wave();
    ids(&wave, 2);
    clock.advance(Duration::from_secs(4 * 60 * 60));
    let sum = |kind: &str| -> f64 {
        let run = wave.quick(&["billings", "--json", "--type", kind]);
        let records = run.json();
        let records = records.as_array().unwrap().iter();
        records
            .map(|record| record["price"].as_f64().unwrap())
            .sum()
    };
    assert_eq!((sum("deduct"), sum("refund")), (0.5, 0.5));
    let balance = wave.quick(&["balance", "--json"]).json();
    assert_eq!(balance["balance"], 1.0);
    let since = [
        "usage",
        "--json",
        "--since",
        "2020-01-01",
        "--until",
        "2020-01-20",
    ];
    assert_eq!(wave.quick(&since).json()["total"]["tasks"], 0);
    assert_eq!(wave.quick(&["usage", "--since", "31d"]).exit, 0);
    let long = wave.quick(&["usage", "--since", "40d"]);
    assert_eq!(long.exit, 2, "{long}");
    assert!(long.stderr.contains("at most 31 days"), "{long}");
}

#[test]
fn missing_values_of_the_account_are_reported() {
    let scenario: Scenario = "account every status 503".parse().unwrap();
    let emulated = Emulated::start(|builder| builder.scenario(scenario));
    let wave = emulated.wave();
    for command in [
        &["models", "--live"][..],
        &["usage"],
        &["billings"],
        &["delete", "abcdef", "--yes"],
    ] {
        let run = wave.quick(command);
        assert_eq!(run.exit, 6, "{command:?} {run}");
        assert!(run.stderr.contains("error: "), "{run}");
    }
}

#[test]
fn files_of_another_kind_and_empty_lists_are_refused() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    for (name, bytes) in [
        (
            "a.mp3",
            &include_bytes!("../../../emulator/assets/voice.mp3")[..],
        ),
        (
            "a.png",
            include_bytes!("../../../emulator/assets/picture.png"),
        ),
    ] {
        std::fs::write(wave.path(name), bytes).unwrap();
    }
    let avatar = "kwaivgi/kling-v1-ai-avatar-standard";
    let swapped = wave.quick(&["run", avatar, "--image", "a.mp3", "--audio", "a.png"]);
    assert_eq!(swapped.exit, 2, "{swapped}");
    for part in [
        "sound, but the model takes a picture",
        "a picture, but the model takes sound",
    ] {
        assert!(swapped.stderr.contains(part), "{swapped}");
    }
    let multi = "kwaivgi/kling-v1.6-multi-i2v-pro";
    let none = wave.quick(&["run", multi, "--prompt", "x"]);
    assert!(
        none.exit == 2 && none.stderr.contains("--images is required"),
        "{none}"
    );
    let images = r#"images=["https://a.example/1.png", "https://a.example/2.png"]"#;
    let words = ["run", multi, "--prompt", "x", "-i", images, "--no-wait"];
    let list = wave.quick(&[&words[..], &["--no-media-check"]].concat());
    assert_eq!((list.exit, emulated.emulator.billed()), (0, 1), "{list}");
    assert_eq!(last_input(&emulated)["images"].as_array().unwrap().len(), 2);
    let price = wave.quick(&["price", multi, "-i", "promt=x"]);
    assert!(
        price.exit == 2 && price.stderr.contains("did you mean \"prompt\"?"),
        "{price}"
    );
}
