//! Tests of `wave download` on hosts that answer with other content than the output.

use serde_json::{Value, json};
use wavespeed_harness::names;
use wiremock::matchers::{path, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::harness::*;

/// Starts a vendor whose only job has the output `out.mp4`, which is answered so.
fn serve(output: ResponseTemplate) -> (tokio::runtime::Runtime, MockServer) {
    let runtime = runtime();
    let server = runtime.block_on(async {
        let server = MockServer::start().await;
        let url = format!("{}/out.mp4", server.uri());
        let done = record(json!({"id": ID, "status": "completed", "outputs": [url]}));
        let mounts = [
            Mock::given(path("/out.mp4")).respond_with(output),
            Mock::given(path_regex("/result$")).respond_with(done),
        ];
        for mock in mounts {
            mock.mount(&server).await;
        }
        server
    });
    (runtime, server)
}

#[test]
fn error_in_the_place_of_the_output_is_not_saved() {
    let error = json!({ "code": 404, "message": "no such output", "data": null });
    let (_runtime, server) = serve(ResponseTemplate::new(200).set_body_json(error));
    let wave = Wave::at(&server.uri());
    let run = wave.run(&["download", ID, "-o", "out.mp4", "--json", "--timeout", "1s"]);
    assert_eq!(run.exit, 7, "{}", run.stderr);
    let document: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(document["error"]["kind"], "save");
    assert!(run.stdout.contains("no such output"), "{}", run.stdout);
    assert!(
        names(wave.folder.path())
            .iter()
            .all(|name| name != "out.mp4")
    );
}

#[test]
fn output_of_another_kind_is_saved_with_a_warning() {
    let picture: &[u8] = include_bytes!("../../../emulator/assets/picture.png");
    let (_runtime, server) = serve(ResponseTemplate::new(200).set_body_bytes(picture));
    let wave = Wave::at(&server.uri());
    let run = wave.run(&["download", ID, "-o", "out.mp4"]);
    assert_eq!(run.exit, 0, "{}", run.stderr);
    let warning = "out.mp4 has the extension mp4, but its content is png";
    assert!(run.stderr.contains(warning), "{}", run.stderr);
}

#[test]
fn template_of_the_output_path_is_checked_before_the_submit() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    for (output, expected) in [
        ("{voice}.mp4", "{voice} is not known: use {id}"),
        ("{id.mp4", "write {{ for a brace"),
        (
            &*format!("{}.mp4", "a".repeat(252)),
            "a name has at most 255",
        ),
    ] {
        let run = wave.run(&[&LIPSYNC[..], &["-o", output]].concat());
        assert_eq!(run.exit, 2, "{run}");
        assert!(run.stderr.contains(expected), "{run}");
    }
    // The inputs of a model outside the catalogue are those that are given.
    let run = wave.run(&[
        "run",
        "acme/unknown",
        "-i",
        "seed=7",
        "-o",
        "{seed}-{style}",
    ]);
    assert_eq!(run.exit, 2, "{run}");
    assert!(run.stderr.contains("{style} is not known"), "{run}");
    assert!(emulated.emulator.requests().is_empty());
    let run = wave.run(&[&LIPSYNC[..], &["-o", "{voice_id}/{job}.{ext}"]].concat());
    assert_eq!(run.exit, 0, "{run}");
    let saved = std::path::Path::new(run.stdout.trim());
    assert!(
        saved.ends_with("j1.mp4") && wave.path("").join(saved).is_file(),
        "{run}"
    );
}

/// Several jobs need a path for each.
#[test]
fn several_jobs_are_saved_by_a_template() {
    let (_runtime, server) = serve(ResponseTemplate::new(200).set_body_bytes(CLIP));
    let wave = Wave::at(&server.uri());
    let ids = [ID, "another-id"];
    let run = wave.run(&["download", ids[0], ids[1], "-o", "out.mp4"]);
    assert!(
        run.stderr
            .contains("several jobs cannot be saved to one file"),
        "{run}"
    );
    let run = wave.run(&["download", ids[0], "-o", "{id}-{index}.{ext}"]);
    assert_eq!(run.exit, 0, "{run}");
    assert!(wave.path(&format!("{ID}-1.mp4")).is_file(), "{run}");
}
