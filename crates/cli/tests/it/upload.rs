//! Tests of `wave upload`.

use super::harness::*;

#[test]
fn same_file_is_uploaded_once() {
    let emulated = Emulated::start(|builder| builder.seed(1));
    let wave = emulated.wave();
    std::fs::write(wave.path("other.mp4"), "other").unwrap();
    let first = wave.run(&["upload", "clip.mp4", "other.mp4"]);
    assert_run!("upload", first);
    let url = first.stdout.lines().next().unwrap();
    assert_run!("upload-known", wave.run(&["upload", "clip.mp4"]));
    let known = wave.run(&["upload", "clip.mp4", "--json"]);
    assert_run!("upload-known-json", known);
    assert_eq!(known.json()["url"], url);
    let quiet = wave.run(&["upload", "clip.mp4", "--quiet"]);
    assert_eq!((&*quiet.stdout, &*quiet.stderr), (&*format!("{url}\n"), ""));
    let run = wave.quick(&["lipsync", "--video", "clip.mp4", "--text", "Hello"]);
    assert_run!("upload-known-run", run);
    let again = wave
        .run(&["upload", "clip.mp4", "--again", "--json"])
        .json();
    assert_eq!(again["sent"], true);
    assert_ne!(again["url"], url);
    let puts = emulated.emulator.requests().into_iter();
    let puts = puts.filter(|request| request.method == "PUT").count();
    assert_eq!(puts, 3);
    // What is known ends with what remembers it.
    let alone = wave.run(&["upload", "clip.mp4", "--no-journal", "--json"]);
    assert_eq!(alone.json()["sent"], true);
}

#[test]
fn failed_upload_does_not_stop_the_others() {
    let emulated = Emulated::start(|builder| {
        builder.scenario(
            "put nth 2 status 413\nticket nth 3 status 403"
                .parse()
                .unwrap(),
        )
    });
    let wave = emulated.wave();
    for name in ["large.mp4", "barred.mp4"] {
        std::fs::write(wave.path(name), name).unwrap();
    }
    let files = [
        "missing.mp4",
        "clip.mp4",
        "large.mp4",
        "barred.mp4",
        "clip.mp4",
    ];
    let run = wave.run(&[&["upload"], &files[..]].concat());
    assert_run!("upload-failed", run);
    let json = wave.run(&["upload", "missing.mp4", "clip.mp4", "--json"]);
    assert_run!("upload-failed-json", json);
    assert_run!("upload-nothing", wave.run(&["upload"]));
    let none = wave.without_key();
    assert_run!("upload-no-key", none.run(&["upload", "clip.mp4"]));
}
