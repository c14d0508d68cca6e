//! Shared parts of the tests of the command: `wave` in a folder and an environment of its own, emulators
//! and servers on loopback that it talks to, and snapshots of its output. The tests in `tests/guards` that
//! span crates include this file, too.

use std::fmt;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use wavespeed::Wavespeed;
use wavespeed_emulator::{Builder, Emulator};
pub(crate) use wavespeed_harness::{CLIP, ID, runtime};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

/// The key of every run here; no output may show it.
pub(crate) const KEY: &str = "wsk_do_not_show_me";
/// The name of the account that owns the jobs of the command.
pub(crate) const ACCOUNT: &str = "default";
pub(crate) const VIDEO: &str = "https://example.com/clip.mp4";

/// A folder to run `wave` in, and an environment with nothing of this machine's in it.
pub(crate) struct Wave {
    pub(crate) folder: TempDir,
    /// Where the journal is.
    state: TempDir,
    environment: Vec<(&'static str, String)>,
}

/// What a run left.
pub(crate) struct Run {
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Wave {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("clip.mp4"), CLIP).unwrap();
        let state = tempfile::tempdir().unwrap();
        let home = state.path().to_str().unwrap().to_owned();
        let cache = state.path().join("cache").to_str().unwrap().to_owned();
        Self {
            folder,
            state,
            environment: vec![
                ("WAVESPEED_API_KEY", KEY.to_owned()),
                ("XDG_STATE_HOME", home),
                ("XDG_CACHE_HOME", cache),
            ],
        }
    }

    /// With an API at this origin.
    pub(crate) fn at(origin: &str) -> Self {
        Self::new().with("WAVESPEED_BASE_URL", origin)
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.environment.retain(|(set, _)| *set != name);
        self.environment.push((name, value.to_owned()));
        self
    }

    pub(crate) fn without_key(mut self) -> Self {
        self.environment
            .retain(|(name, _)| *name != "WAVESPEED_API_KEY");
        self
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Where `XDG_STATE_HOME` puts the journal.
    pub(crate) fn journal(&self) -> std::path::PathBuf {
        self.state.path().join("wavespeed/journal.db")
    }

    /// Where `XDG_CACHE_HOME` puts the vendor's list of models.
    pub(crate) fn cache(&self) -> std::path::PathBuf {
        self.state.path().join("cache/wave")
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(crate::PROGRAM);
        command
            .args(words)
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Run {
        let output = self.command(words).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let run = Run {
            exit: output.status.code().unwrap(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        assert!(!format!("{run}").contains(KEY), "the key is shown:\n{run}");
        run
    }

    /// As [`run`](Self::run), with polls that follow each other quickly, and a history that does not lag.
    pub(crate) fn quick(&self, words: &[&str]) -> Run {
        let mut options = vec!["--poll-interval", "10ms"];
        if !words.contains(&"--settle-time") {
            options.extend(["--settle-time", "0s"]);
        }
        self.run(&[&options, words].concat())
    }
}

impl Run {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not one document: {error}\n{self}"))
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "exit: {}\n--- stdout\n{}--- stderr\n{}",
            self.exit, self.stdout, self.stderr
        )
    }
}

macro_rules! assert_run {
    ($name:expr, $run:expr) => {
        insta::with_settings!({
            omit_expression => true,
            prepend_module_to_snapshot => false,
            snapshot_path => "snapshots",
            filters => [
                (r"[0-9a-f]{64}", "[SHA256]"),
                (r"[0-9a-f]{32}", "[ID]"),
                (r"http://127\.0\.0\.1:\d+", "[ORIGIN]"),
                (r"/media/[^/\s]+/", "/media/[UPLOAD]/"),
                (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "[TIME]"),
                (r"os error \d+", "os error [N]"),
            ],
        }, { insta::assert_snapshot!($name, $run.to_string()) })
    };
}

pub(crate) use assert_run;

/// An emulator that outlives the commands of a test.
pub(crate) struct Emulated {
    pub(crate) emulator: Emulator,
    /// What it runs on.
    pub(crate) runtime: Runtime,
}

impl Emulated {
    pub(crate) fn start(settings: impl FnOnce(Builder) -> Builder) -> Self {
        let runtime = runtime();
        let builder = settings(Emulator::builder().key(KEY).task_time(Duration::ZERO));
        let emulator = runtime.block_on(builder.start()).unwrap();
        Self { emulator, runtime }
    }

    pub(crate) fn wave(&self) -> Wave {
        Wave::at(self.emulator.origin())
    }

    /// A client with the API key and the account of the runs.
    pub(crate) fn client(&self) -> Wavespeed {
        let builder = Wavespeed::builder()
            .key(KEY)
            .account(ACCOUNT)
            .base_url(self.emulator.origin());
        builder.build().unwrap()
    }
}

/// A server that answers every POST and every GET with one answer each.
pub(crate) fn answers(post: ResponseTemplate, get: ResponseTemplate) -> (Runtime, MockServer) {
    let runtime = runtime();
    let server = runtime.block_on(async {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(post)
            .mount(&server)
            .await;
        Mock::given(method("GET"))
            .respond_with(get)
            .mount(&server)
            .await;
        server
    });
    (runtime, server)
}

pub(crate) fn created() -> ResponseTemplate {
    record(json!({"id": ID, "status": "created"}))
}

pub(crate) fn record(data: Value) -> ResponseTemplate {
    ResponseTemplate::new(200)
        .set_body_json(json!({"code": 200, "message": "success", "data": data}))
}

pub(crate) fn refused(status: u16, message: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"code": status, "message": message}))
}

/// The main job. Nobody asks the host of the video, which is not on this machine.
pub(crate) const LIPSYNC: [&str; 6] = [
    "lipsync",
    "--no-media-check",
    "--video",
    VIDEO,
    "--text",
    "Hello",
];

/// Sends a signal, such as `-INT`, to a process.
#[cfg(unix)]
pub(crate) fn signal(child: &std::process::Child, name: &str) {
    let done = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(done.success());
}
