//! Tests of output paths: names that cannot be made are found before the submit, and templates name the
//! files.

use serde_json::json;
use tempfile::TempDir;
use wavespeed::{Fault, Prediction, Rule, RunError, SaveError, SubmitError, Target};
use wavespeed_harness::{CLIP, ID, MODEL, input, names};

use crate::vendor::Vendor;

/// Checks a target as a submit does, and returns the message of its fault.
fn message(path: &str) -> Option<String> {
    let target = Target::new(path);
    let model = wavespeed::model(MODEL).unwrap();
    let input = json!({ "text": "hi", "voice_id": "a".repeat(200) });
    let fault = target
        .check()
        .or_else(|| target.check_inputs(model, &input));
    fault.map(|fault: Fault| {
        assert_eq!(fault.rule, Rule::Output);
        fault.message
    })
}

#[test]
fn name_that_cannot_be_made_is_found_in_advance() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| format!("{}/{name}", folder.path().display());
    let name = |bytes: usize| at(&format!("{}.mp4", "a".repeat(bytes - 4)));
    let long_folders = format!("{}/", "b".repeat(200)).repeat(21);
    for (path, expected) in [
        (name(256), "a name has at most 255"),
        // The second output would be `…-2.mp4`.
        (name(255), "a name has at most 255"),
        (
            at(&format!("{}/", "b".repeat(256))),
            "a name has at most 255",
        ),
        (at(&long_folders), "the path has"),
        (
            at(&format!("{}{{id}}", "a".repeat(200))),
            "a name has at most 255",
        ),
        (
            at(&format!("{}{{voice_id}}", "a".repeat(200))),
            "a name has at most 255",
        ),
        (
            at(&format!("{}{{video}}", "a".repeat(200))),
            "a name has at most 255",
        ),
        (
            at(&format!("{}{{label}}", "a".repeat(200))),
            "a name has at most 255",
        ),
        (at("{lable}.mp4"), "{lable} is not known"),
        (at("{/id}.mp4"), "a brace without a name"),
        (at("{id.mp4"), "write {{ for a brace"),
        (at("no/{id}.mp4"), "does not exist"),
    ] {
        let message = message(&path).unwrap();
        assert!(message.contains(expected), "{path}: {message}");
    }
    for path in [
        name(250),
        at(&format!("{}{{voice_id}}", "a".repeat(180))),
        at("{id}-{job}-{label}-{index}.{ext}"),
        at("{model}/{voice_id}/{video}-{text}-{{x}}"),
        at("new/{{a}}/"),
    ] {
        assert_eq!(message(&path), None, "{path}");
    }
    assert!(names(folder.path()).is_empty());
}

#[tokio::test]
async fn output_path_is_checked_before_the_submit() {
    let vendor = Vendor::start().await;
    let (client, _) = vendor.client();
    let folder = TempDir::new().unwrap();
    for name in [format!("{}.mp4", "a".repeat(252)), "{voice}.mp4".to_owned()] {
        let target = folder.path().join(name);
        let error = client.run(&input()).target(target).await.unwrap_err();
        let RunError::Submit(SubmitError::Invalid(faults)) = error else {
            panic!("{error}")
        };
        assert_eq!(faults.as_slice()[0].rule, Rule::Output);
    }
    assert_eq!(vendor.submits(), 0);
}

#[tokio::test]
async fn template_names_the_outputs_of_a_run() {
    let vendor = Vendor::start().await;
    let (client, _) = vendor.client();
    let folder = TempDir::new().unwrap();
    let target = folder
        .path()
        .join("{model}/{label}/{job}-{id}-{index}.{ext}");
    let run = client
        .run(&input())
        .label("Act 1: the/opening")
        .target(target);
    let done = run.await.unwrap();
    let path = "kwaivgi-kling-lipsync-text-to-video/Act-1-the-opening/j1-pred_1-1.mp4";
    assert_eq!(done.files[0].path, folder.path().join(path));
    assert_eq!(std::fs::read(folder.path().join(path)).unwrap(), CLIP);

    // The inputs of a model outside the catalogue are not known: one that was left out has no text.
    let target = folder.path().join("{seed}-{style}");
    let url = format!("{}/output.mp4", vendor.url());
    let record = json!({ "id": ID, "status": "completed", "model": "a/b", "input": { "seed": 7 }, "outputs": [url] });
    let prediction = Prediction::from_json(record).unwrap();
    let saved = client.download(&prediction, &target.into()).await.unwrap();
    assert_eq!(saved[0].path, folder.path().join("7-none"));

    let target = Target::new(folder.path().join("{lable}"));
    let error = client
        .download(&done.prediction, &target)
        .await
        .unwrap_err();
    assert!(
        matches!(error.failed[0].1, SaveError::Name { .. }),
        "{error}"
    );
}
