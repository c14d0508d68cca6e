//! Tests of the programs in `examples/`: each runs in a temporary folder against an emulator on a free
//! port, and its output and the number of billed jobs are compared. The programs use the schedule of
//! the settings, so they poll after a second at the earliest. `cargo test -p wavespeed` builds the programs;
//! with `--test it` alone, they are those of the last build.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use wavespeed::{JobFilter, Stage, SubmitError, Wavespeed};
use wavespeed_emulator::{Emulator, Scenario};
use wavespeed_harness::{CLIP, KEY, MODEL, names, raw_input};
use wavespeed_journal::Journal;

/// Returns the program of an example. Cargo builds it with the tests, beside their folder.
fn program(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let target = tests.parent().and_then(Path::parent).unwrap();
    let mut program = target.join("examples").join(name);
    program.set_extension(std::env::consts::EXE_EXTENSION);
    assert!(
        program.exists(),
        "{} is missing; build it with: cargo build -p wavespeed --examples",
        program.display()
    );
    program
}

/// An emulator whose jobs end at once, and a folder with a clip.
struct Setting {
    emulator: Emulator,
    folder: TempDir,
}

impl Setting {
    async fn new(scenario: &str) -> Self {
        let emulator = Emulator::builder()
            .key(KEY)
            .task_time(Duration::ZERO)
            .scenario(scenario.parse::<Scenario>().unwrap());
        let emulator = emulator.start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("clip.mp4"), CLIP).unwrap();
        Self { emulator, folder }
    }

    fn command(&self, example: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program(example));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("WAVESPEED_BASE_URL", self.emulator.origin())
            .env("WAVESPEED_API_KEY", KEY)
            .kill_on_drop(true);
        command
    }

    /// Runs an example and returns the lines that it prints.
    async fn run(&self, example: &str, arguments: &[&str]) -> Vec<String> {
        let output = self.command(example, arguments).output().await.unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns a client with the journal of the examples.
    fn client(&self) -> Wavespeed {
        let journal = Journal::open(self.path("jobs.db")).unwrap();
        let builder = Wavespeed::builder().key(KEY).store(journal);
        builder.base_url(self.emulator.origin()).build().unwrap()
    }
}

#[tokio::test]
async fn lipsync_run_twice_is_billed_once() {
    let setting = Setting::new("").await;
    let first = setting.run("lipsync", &["clip.mp4", "out.mp4"]).await;
    let id = &setting.emulator.tasks()[0];
    let saved = format!("{id} saved to out.mp4");
    assert_eq!(first, [format!("{id} submitted"), saved.clone()]);
    let again = setting.run("lipsync", &["clip.mp4", "out.mp4"]).await;
    assert_eq!(again, ["j1 has the key already".to_owned(), saved]);
    assert_eq!(std::fs::read(setting.path("out.mp4")).unwrap(), CLIP);
    assert_eq!(setting.emulator.billed(), 1);
}

/// One program died after the vendor had accepted its job, and one before it had the answer.
#[tokio::test]
async fn resume_finishes_open_jobs_and_submits_nothing() {
    let setting = Setting::new("submit nth 2 lose-answer").await;
    let client = setting.client();
    let submit = |text: &str, out: &str| {
        let input = json!({ "video": setting.path("clip.mp4"), "text": text, "voice_id": "AOT" });
        client
            .submit(raw_input(MODEL, &input))
            .target(setting.path(out))
    };
    submit("Hello", "one.mp4").await.unwrap();
    let lost = submit("Goodbye", "two.mp4").adopt(false).await;
    assert!(matches!(lost, Err(SubmitError::Unknown(_))), "{lost:?}");
    let stages = [Stage::Submitted, Stage::Unknown];
    let open = client.jobs(JobFilter::Open).await.unwrap();
    assert_eq!(open.iter().map(|job| job.stage).collect::<Vec<_>>(), stages);
    drop(client);

    let lines = setting.run("resume", &["0"]).await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].starts_with("j1 completed") && lines[0].contains("one.mp4"),
        "{lines:?}"
    );
    assert!(
        lines[1].starts_with("j2 completed") && lines[1].contains("two.mp4"),
        "{lines:?}"
    );
    assert_eq!(setting.emulator.billed(), 2);
    for name in ["one.mp4", "two.mp4"] {
        assert_eq!(std::fs::read(setting.path(name)).unwrap(), CLIP);
    }
    assert_eq!(setting.run("resume", &["0"]).await, [""; 0]);
}

#[tokio::test]
async fn many_submits_each_sentence_once_and_uploads_the_clip_once() {
    let setting = Setting::new("").await;
    let arguments = ["clip.mp4", "videos/", "Hello", "Welcome", "Goodbye"];
    let mut lines = setting.run("many", &arguments).await;
    let mut tasks = setting.emulator.tasks();
    tasks.sort();
    lines.sort();
    let saved = |id: &String| format!("{id} saved to videos/{id}.mp4");
    assert_eq!(lines, tasks.iter().map(saved).collect::<Vec<_>>());
    let files: Vec<_> = tasks.iter().map(|id| format!("{id}.mp4")).collect();
    assert_eq!(names(&setting.path("videos")), files);
    // The jobs of the first run are returned by their keys.
    let mut again = setting.run("many", &arguments).await;
    again.sort();
    assert_eq!(again, lines);
    assert_eq!(setting.emulator.billed(), 3);
    let requests = setting.emulator.requests();
    assert_eq!(
        requests.iter().filter(|call| call.method == "PUT").count(),
        1
    );
}

#[tokio::test]
async fn virtual_time_example_passes() {
    let setting = Setting::new("").await;
    let lines = setting.run("virtual_time", &[]).await;
    assert_eq!(lines, ["completed after 6 virtual hours"]);
}

#[cfg(unix)]
async fn next(lines: &mut Lines<BufReader<ChildStdout>>) -> String {
    let line = lines.next_line().await.unwrap();
    line.expect("the service prints another line")
}

#[cfg(unix)]
fn interrupt(service: &Child) {
    let id = service.id().unwrap().to_string();
    let kill = std::process::Command::new("kill")
        .args(["-INT", &id])
        .status();
    assert!(kill.unwrap().success());
}

#[cfg(unix)]
#[tokio::test]
async fn service_submits_a_key_once_is_woken_by_the_webhook_and_shuts_down() {
    _ = rustls::crypto::ring::default_provider().install_default();
    let setting = Setting::new("").await;
    let clip = setting
        .client()
        .upload(setting.path("clip.mp4"))
        .await
        .unwrap();
    let mut command = setting.command("service", &[]);
    let command = command
        .env("LISTEN", "127.0.0.1:0")
        .env_remove("PUBLIC_URL");
    let mut service = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(service.stdout.take().unwrap()).lines();
    let listening = next(&mut lines).await;
    let jobs = listening.strip_prefix("listening on ").unwrap().to_owned() + "/jobs";

    let input = json!({ "video": clip.url, "text": "Hello", "voice_id": "AOT" });
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = async |key: Option<&str>| {
        let request = http.post(&jobs).json(&input);
        let request = key.into_iter().fold(request, |request, key| {
            request.header("Idempotency-Key", key)
        });
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(post(None).await.0, 400);
    let (status, id) = post(Some("order-17")).await;
    assert_eq!(status, 202, "{id}");
    assert_eq!(next(&mut lines).await, format!("{id} completed"));
    assert_eq!(post(Some("order-17")).await, (202, id.clone()));
    assert_eq!(next(&mut lines).await, format!("{id} completed"));
    assert_eq!(setting.emulator.billed(), 1);

    interrupt(&service);
    assert!(service.wait().await.unwrap().success());
    let deliveries = setting.emulator.deliveries();
    assert_eq!(deliveries.len(), 1);
    assert_eq!(deliveries[0].status, Some(200));
}
