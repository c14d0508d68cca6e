//! The whole command `wave`, as a person or a script meets it: stdout, stderr and exit code.

use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use wavespeed::Wavespeed;
use wavespeed_emulator::{Builder, Clock, Emulator, Ending};
pub(crate) use wavespeed_harness::{CLIP, ID, runtime};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

/// The key of every run here; no output may show it.
pub(crate) const KEY: &str = "wsk_do_not_show_me";
const VIDEO: &str = "https://example.com/clip.mp4";

/// A folder to run `wave` in, and an environment with nothing of this machine's in it.
pub(crate) struct Wave {
    folder: TempDir,
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
    fn new() -> Self {
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
        let mut command = Command::new(env!("CARGO_BIN_EXE_wave-under-test"));
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

    /// As [`run`](Self::run), with polls that follow each other quickly.
    pub(crate) fn quick(&self, words: &[&str]) -> Run {
        self.run(&[&["--poll-interval", "10ms"], words].concat())
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
            snapshot_path => "snapshots/command",
            filters => [
                (r"[0-9a-f]{64}", "[SHA256]"),
                (r"[0-9a-f]{32}", "[ID]"),
                (r"http://127\.0\.0\.1:\d+", "[ORIGIN]"),
                (r"/media/[^/\s]+/", "/media/[UPLOAD]/"),
                (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "[TIME]"),
                (r"os error \d+", "os error [N]"),
                (r"wave-under-test(\.exe)?", "wave"),
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

    /// A client with the key of the runs.
    pub(crate) fn client(&self) -> Wavespeed {
        let builder = Wavespeed::builder()
            .key(KEY)
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

fn refused(status: u16, message: &str) -> ResponseTemplate {
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

#[test]
fn help_and_version() {
    let wave = Wave::new().without_key();
    assert_run!("help", wave.run(&["--help"]));
    assert_run!("help-lipsync", wave.run(&["lipsync", "--help"]));
    assert_run!("help-short", wave.run(&["lipsync", "-h"]));
    let emulator = wave.run(&["emulator", "--help"]);
    assert!(emulator.stdout.contains("| `lose-answer` |"), "{emulator}");
    assert_run!("no-command", wave.run(&[]));
    let version = wave.run(&["--version"]);
    assert_eq!(
        (version.exit, &*version.stdout),
        (0, concat!("wave ", env!("CARGO_PKG_VERSION"), "\n"))
    );
}

#[test]
fn lists() {
    let wave = Wave::new().without_key();
    assert_run!("models", wave.run(&["models"]));
    assert_run!("models-json", wave.run(&["models", "--json"]));
    assert_run!("voices", wave.run(&["voices"]));
    let voices = wave.run(&["voices", "--json"]).json();
    assert_eq!(voices.as_array().unwrap().len(), 25);
    assert_eq!(
        voices
            .as_array()
            .unwrap()
            .iter()
            .filter(|voice| voice["names"]["zh"].is_string())
            .count(),
        16
    );
    assert_eq!(
        voices[4],
        json!({"id": "genshin_klee2", "names": {"en": "Peppy", "zh": "温柔小妹"}, "default": true})
    );
}

#[test]
fn the_main_job() {
    let wave = Wave::new().without_key();
    let words = [
        "lipsync",
        "--emulate",
        "--video",
        "clip.mp4",
        "--text",
        "Hello",
        "-o",
        "out.mp4",
    ];
    assert_run!("main-job", wave.quick(&words));
    assert_eq!(std::fs::read(wave.path("out.mp4")).unwrap(), CLIP);
    assert_eq!(
        std::fs::read_dir(wave.folder.path()).unwrap().count(),
        2,
        "nothing else is left"
    );
}

#[test]
fn the_main_job_in_json() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    let words = [&LIPSYNC[..], &["--json", "-o", "new/"]].concat();
    let run = wave.quick(&words);
    assert_run!("main-job-json", run);
    let file = run.json()["outputs"][0]["file"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(std::fs::read(wave.path(&file)).unwrap(), CLIP);
}

#[test]
fn without_a_place_to_save_the_urls_are_printed() {
    let emulated = Emulated::start(|builder| builder);
    assert_run!("urls", emulated.wave().quick(&LIPSYNC));
    let run = ["run", "kwaivgi/kling-lipsync/text-to-video"];
    assert_run!(
        "urls-run",
        emulated.wave().quick(&[&run, &LIPSYNC[1..]].concat())
    );
}

#[test]
fn a_required_input_with_a_default_is_sent_and_optional_ones_are_not() {
    let emulated = Emulated::start(|builder| builder);
    emulated.wave().quick(&LIPSYNC);
    let submit = emulated
        .emulator
        .requests()
        .into_iter()
        .find(|request| request.path.ends_with("text-to-video"));
    let expected = json!({"video": VIDEO, "text": "Hello", "voice_id": "genshin_klee2"});
    assert_eq!(submit.unwrap().body, Some(expected));
}

#[test]
fn a_task_can_be_left_and_taken_up_again() {
    let clock = Clock::manual();
    let emulated = Emulated::start(|builder| {
        builder
            .clock(clock.clone())
            .task_time(Duration::from_secs(60))
    });
    let wave = emulated.wave();
    let left = wave.run(&[&LIPSYNC[..], &["--no-wait"]].concat());
    assert_run!("left", left);
    let id = left.stdout.trim();
    assert_run!(
        "left-json",
        wave.run(&[&LIPSYNC[..], &["--no-wait", "--json"]].concat())
    );
    assert_run!("show-created", wave.run(&["show", id]));
    assert_run!("download-early", wave.run(&["download", id]));
    clock.advance(Duration::from_secs(60));
    assert_run!("show-completed", wave.run(&["show", id]));
    assert_run!("wait", wave.run(&["wait", id, "-o", "out.mp4"]));
    assert_run!("download", wave.run(&["download", id]));
    assert_eq!(
        std::fs::read(wave.path(&format!("{id}.mp4"))).unwrap(),
        CLIP
    );
}

#[test]
fn several_tasks_are_one_list_in_the_order_of_the_ids() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    let ids: Vec<String> = (0..2)
        .map(|_| {
            wave.run(&[&LIPSYNC[..], &["--no-wait"]].concat())
                .stdout
                .trim()
                .to_owned()
        })
        .collect();
    let run = wave.run(&["wait", &ids[1], &ids[0], "--json", "-o", "videos/"]);
    let found: Vec<Value> = run
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["id"].clone())
        .collect();
    assert_eq!(found, [json!(ids[1]), json!(ids[0])]);
    assert_eq!(std::fs::read_dir(wave.path("videos")).unwrap().count(), 2);
    assert_run!(
        "several-to-one-file",
        wave.run(&["wait", &ids[0], &ids[1], "-o", "out.mp4"])
    );
}

#[test]
fn wrong_input_is_refused_before_anything_is_sent() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    std::fs::write(wave.path("empty.mp4"), "").unwrap();
    std::fs::write(wave.path("words.mp4"), "these are words, not a video").unwrap();
    let long = "x".repeat(121);
    let cases: &[(&str, &[&str])] = &[
        ("nothing", &[]),
        ("empty-text", &["--video", VIDEO, "--text", ""]),
        ("long-text", &["--video", VIDEO, "--text", &long]),
        (
            "unknown-voice",
            &["--video", VIDEO, "--text", "a", "--voice-id", "genshin_kle"],
        ),
        (
            "name-of-voice",
            &["--video", VIDEO, "--text", "a", "--voice-id", "Pepy"],
        ),
        (
            "output-is-input",
            &[
                "--video",
                "clip.mp4",
                "--text",
                "a",
                "-o",
                "./clip.mp4",
                "--force",
            ],
        ),
        (
            "too-slow",
            &["--video", VIDEO, "--text", "a", "--voice-speed", "0.79"],
        ),
        (
            "too-fast",
            &["--video", VIDEO, "--text", "a", "--voice-speed", "2.01"],
        ),
        (
            "not-a-number",
            &["--video", VIDEO, "--text", "a", "--voice-speed", "NaN"],
        ),
        (
            "not-http",
            &["--video", "ftp://example.com/a.mp4", "--text", "a"],
        ),
        ("no-file", &["--video", "none.mp4", "--text", "a"]),
        ("folder", &["--video", ".", "--text", "a"]),
        ("empty-file", &["--video", "empty.mp4", "--text", "a"]),
        ("no-video", &["--video", "words.mp4", "--text", "a"]),
        (
            "exists",
            &["--video", VIDEO, "--text", "a", "-o", "clip.mp4"],
        ),
        (
            "no-folder",
            &["--video", VIDEO, "--text", "a", "-o", "none/out.mp4"],
        ),
        (
            "everything",
            &[
                "--video",
                "none.mp4",
                "--voice-id",
                "x",
                "--voice-speed",
                "9",
                "-o",
                "clip.mp4",
            ],
        ),
        (
            "no-wait-output",
            &[
                "--video",
                VIDEO,
                "--text",
                "a",
                "--no-wait",
                "-o",
                "out.mp4",
            ],
        ),
        (
            "unknown-flag",
            &["--video", VIDEO, "--text", "a", "--voice", "x"],
        ),
    ];
    for (name, words) in cases {
        let words = [&["lipsync"], *words].concat();
        let run = wave.run(&words);
        assert_run!(format!("refused-{name}"), run);
        assert_eq!(run.exit, 2, "{name}");
        let json = wave.run(&[&words[..], &["--json"]].concat());
        assert_eq!(json.exit, 2, "{name}");
        assert!(json.json()["error"]["kind"].is_string(), "{name}");
    }
    assert_run!(
        "refused-unknown-model",
        wave.run(&["run", "kwaivgi/kling-lipsync/text-to-vide", "--text", "a"])
    );
    assert_run!("refused-no-model", wave.run(&["run"]));
    assert_run!(
        "refused-unknown-command-json",
        wave.run(&["lipsink", "--json"])
    );
    assert_run!("refused-id", wave.run(&["show", "../../secrets"]));
    assert_run!(
        "refused-emulated-wait",
        wave.run(&["wait", "--emulate", ID])
    );
    assert!(
        emulated.emulator.requests().is_empty(),
        "something was sent"
    );
    assert_eq!(
        std::fs::read(wave.path("clip.mp4")).unwrap(),
        CLIP,
        "a file was touched"
    );
}

#[test]
fn what_is_allowed_is_not_refused() {
    let emulated = Emulated::start(|builder| builder);
    let wave = emulated.wave();
    std::fs::write(wave.path("words.mp4"), "these are words, not a video").unwrap();
    let chinese = "好".repeat(120);
    for words in [
        &["--video", VIDEO, "--text", &chinese][..],
        &["--video", VIDEO, "--text", "a", "--voice-speed", "0.8"],
        &["--video", VIDEO, "--text", "a", "--voice-speed", "2"],
        &["--video", "words.mp4", "--text", "a"],
        &[
            "--video",
            "clip.mp4",
            "--text",
            "a",
            "-o",
            "words.mp4",
            "--force",
        ],
    ] {
        let run = wave.quick(&[&["lipsync", "--no-media-check"], words].concat());
        assert_eq!(run.exit, 0, "{words:?}\n{run}");
    }
}

#[test]
fn keys() {
    let emulated = Emulated::start(|builder| builder);
    assert_run!(
        "key-wrong",
        emulated
            .wave()
            .with("WAVESPEED_API_KEY", "another")
            .run(&LIPSYNC)
    );
    assert_eq!(emulated.emulator.billed(), 0);
    let sent = emulated.emulator.requests().len();
    assert_run!("key-none", emulated.wave().without_key().run(&LIPSYNC));
    assert_run!(
        "key-empty",
        emulated.wave().with("WAVESPEED_API_KEY", " ").run(&LIPSYNC)
    );
    assert_run!(
        "key-control",
        emulated
            .wave()
            .with("WAVESPEED_API_KEY", "a\u{1}b")
            .run(&LIPSYNC)
    );
    let both = [&LIPSYNC[..], &["--voice-speed", "9"]].concat();
    assert_run!(
        "key-none-and-fault",
        emulated.wave().without_key().run(&both)
    );
    assert_eq!(
        emulated.emulator.requests().len(),
        sent,
        "something was sent"
    );
}

#[test]
fn a_task_that_fails() {
    let failing = |status: &str, error: &str| {
        let ending = Ending::new(status, error);
        Emulated::start(|builder| builder.ending(ending))
            .wave()
            .quick(&[&LIPSYNC[..], &["-o", "out.mp4"]].concat())
    };
    assert_run!(
        "task-failed",
        failing("failed", "no face was found\u{1b}[2J in the video")
    );
    assert_run!("task-cancelled", failing("cancelled", ""));
    let run = failing("timeout", "");
    assert_eq!(run.exit, 1);
}

#[test]
fn the_deadline() {
    let clock = Clock::manual();
    let emulated = Emulated::start(|builder| {
        builder
            .clock(clock.clone())
            .task_time(Duration::from_secs(60))
    });
    let words = [&LIPSYNC[..], &["--timeout", "1s"]].concat();
    assert_run!("deadline", emulated.wave().quick(&words));
    assert_run!(
        "deadline-json",
        emulated
            .wave()
            .quick(&[&words[..], &["--json", "--quiet"]].concat())
    );
}

#[test]
fn what_the_vendor_may_answer_to_a_submit() {
    let html = ResponseTemplate::new(502).set_body_raw("<html>Bad Gateway</html>", "text/html");
    let unavailable = ResponseTemplate::new(200)
        .set_body_json(json!({"code": 5003, "message": "Service unavailable", "data": null}));
    let cases = [
        ("unknown-502", html, 5),
        ("unknown-no-id", unavailable, 5),
        (
            "credit",
            refused(
                400,
                "Insufficient credits. Please top up your account to continue.",
            ),
            3,
        ),
        (
            "role",
            refused(403, "The role viewer may not run models."),
            3,
        ),
        (
            "busy",
            refused(429, "You have reached your concurrency limit")
                .insert_header("retry-after", "7"),
            6,
        ),
        (
            "redirect",
            ResponseTemplate::new(307).insert_header("location", "https://example.com/"),
            6,
        ),
    ];
    for (name, post, exit) in cases {
        let (runtime, server) = answers(post, ResponseTemplate::new(500));
        let run = Wave::at(&server.uri()).run(&[&LIPSYNC[..], &["--timeout", "5s"]].concat());
        assert_run!(format!("answer-{name}"), run);
        assert_eq!(run.exit, exit, "{name}");
        let requests = runtime.block_on(server.received_requests()).unwrap();
        let submits = requests
            .iter()
            .filter(|it| it.url.path().ends_with("text-to-video"));
        assert_eq!(submits.count(), 1, "{name} was sent once");
    }
}

/// Whatever happens after a task was accepted, it exists and is billed.
#[test]
fn an_accepted_submit_never_reads_as_refused() {
    for status in [401, 403] {
        let (_runtime, server) = answers(created(), refused(status, "no"));
        let run = Wave::at(&server.uri()).quick(&LIPSYNC);
        assert_eq!(run.exit, 4, "{run}");
        assert!(run.stderr.contains(&format!("wave wait {ID}")), "{run}");
        let run = Wave::at(&server.uri()).quick(&["wait", ID]);
        assert_eq!(run.exit, 3, "{run}");
    }
}

#[test]
fn an_id_that_is_not_understood_is_in_the_document() {
    let odd = json!({"id": "urn:uuid:6488c275"});
    let (_runtime, server) = answers(record(odd.clone()), ResponseTemplate::new(500));
    let run = Wave::at(&server.uri()).run(&[&LIPSYNC[..], &["--json"]].concat());
    assert_eq!((run.exit, &run.json()["raw"]["data"]), (5, &odd));
}

#[test]
fn the_deadline_bounds_the_submit() {
    let slow = created().set_delay(Duration::from_secs(30));
    let (_runtime, server) = answers(slow, ResponseTemplate::new(500));
    let run = Wave::at(&server.uri()).run(&[&LIPSYNC[..], &["--timeout", "1s"]].concat());
    assert_eq!(run.exit, 5, "{run}");
}

#[test]
fn texts_may_begin_with_a_hyphen_but_flags_are_no_texts() {
    let emulated = Emulated::start(|builder| builder);
    let run = emulated.wave().quick(&[
        "lipsync",
        "--no-media-check",
        "--video",
        VIDEO,
        "--text",
        "-5 degrees",
    ]);
    assert_eq!(run.exit, 0, "{run}");
    assert_run!(
        "text-forgotten",
        emulated
            .wave()
            .run(&["lipsync", "--text", "--video", VIDEO])
    );
    assert_eq!(emulated.emulator.billed(), 1);
}

#[test]
fn nobody_there() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    assert_run!(
        "unreachable",
        Wave::at(&format!("http://{free}")).run(&[&LIPSYNC[..], &["--timeout", "1s"]].concat())
    );
}

#[test]
fn a_file_that_cannot_be_saved_does_not_cost_the_result() {
    let gone = |outputs: Value| {
        let done = record(json!({"id": ID, "status": "completed", "outputs": outputs}));
        answers(created(), done)
    };
    let (_runtime, server) = gone(json!(["http://127.0.0.1:1/out.mp4"]));
    let wave = Wave::at(&server.uri());
    assert_run!(
        "save-unreachable",
        wave.quick(&[&LIPSYNC[..], &["-o", "out.mp4"]].concat())
    );
    assert!(!wave.path("out.mp4").exists());
    let (_runtime, server) = gone(json!([]));
    assert_run!(
        "save-nothing",
        Wave::at(&server.uri()).quick(&[&LIPSYNC[..], &["-o", "out.mp4"]].concat())
    );
    let (_runtime, server) = gone(json!([{"text": "no\u{1b}[2J file"}, "plain\u{7} words"]));
    assert_run!("outputs-odd", Wave::at(&server.uri()).quick(&LIPSYNC));
}

#[test]
fn files_become_urls_once() {
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
fn files_that_cannot_be_uploaded_do_not_stop_the_others() {
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

#[test]
fn the_contract_of_json() {
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "snapshots/command" }, {
        for (command, schema) in wavespeed_cli::schemas() {
            let name = command.split(',').next().unwrap();
            insta::assert_snapshot!(format!("schema-{name}"), format!("{schema:#}"));
        }
    });
}

#[test]
fn the_emulator_as_a_command() {
    use std::io::{BufRead as _, BufReader};
    let wave = Wave::new();
    let mut child = wave
        .command(&["emulator", "--task-time", "0", "--api-key", KEY, "--quiet"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut origin = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut origin)
        .unwrap();
    let run = Wave::at(origin.trim()).quick(&[&LIPSYNC[..], &["-o", "out.mp4"]].concat());
    assert_eq!(run.exit, 0, "{run}");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Sends a signal, such as `-INT`, to a process.
#[cfg(unix)]
pub(crate) fn signal(child: &std::process::Child, name: &str) {
    let done = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(done.success());
}

#[cfg(unix)]
mod unix {
    use std::io::{BufRead as _, BufReader, Read as _};

    use super::*;

    #[test]
    fn a_signal_leaves_the_id_and_the_way_on() {
        for (name, exit) in [("-INT", 130), ("-TERM", 143)] {
            let clock = Clock::manual();
            let emulated =
                Emulated::start(|builder| builder.clock(clock).task_time(Duration::from_secs(60)));
            let wave = emulated.wave();
            let mut child = wave
                .command(&LIPSYNC)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut stderr = BufReader::new(child.stderr.take().unwrap());
            let mut first = String::new();
            stderr.read_line(&mut first).unwrap();
            assert!(first.starts_with("id: "), "{first}");
            signal(&child, name);
            let mut rest = String::new();
            stderr.read_to_string(&mut rest).unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(exit));
            let id = first.trim().trim_start_matches("id: ");
            assert!(rest.contains(&format!("wave wait {id}")), "{rest}");
        }
    }

    /// The answer has the id, so a first signal during the submit waits for it.
    #[test]
    fn a_signal_during_the_submit_waits_for_the_id() {
        let runtime = runtime();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let wave = Wave::at(&format!("http://{}", listener.local_addr().unwrap()));
        let mut child = wave
            .command(&LIPSYNC)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut noticed = String::new();
        runtime.block_on(async {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            assert!(connection.read(&mut request).await.unwrap() > 0);
            signal(&child, "-INT");
            stderr.read_line(&mut noticed).unwrap();
            let body = json!({"code": 200, "data": {"id": ID, "status": "created"}}).to_string();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            connection.write_all(answer.as_bytes()).await.unwrap();
        });
        assert!(
            noticed.starts_with("interrupted; waiting for the answer"),
            "{noticed}"
        );
        let mut rest = String::new();
        stderr.read_to_string(&mut rest).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert!(
            rest.contains(&format!("id: {ID}\n")) && rest.contains(&format!("wave wait {ID}")),
            "{rest}"
        );
    }

    /// What was finished before the signal is reported as it ended.
    #[test]
    fn a_signal_loses_no_job_that_is_done() {
        let runtime = runtime();
        let server = runtime.block_on(async {
            let server = MockServer::start().await;
            let task = |status| record(json!({"id": ID, "status": status, "outputs": [VIDEO]}));
            let at = |id| wiremock::matchers::path(format!("/api/v3/predictions/{id}/result"));
            Mock::given(at("done"))
                .respond_with(task("completed"))
                .mount(&server)
                .await;
            Mock::given(at("going"))
                .respond_with(task("processing"))
                .mount(&server)
                .await;
            server
        });
        let wave = Wave::at(&server.uri());
        let mut child = wave
            .command(&["wait", "done", "going", "--json", "--poll-interval", "10ms"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let polls = || runtime.block_on(server.received_requests()).unwrap();
        while polls()
            .iter()
            .filter(|poll| poll.url.path().contains("going"))
            .count()
            < 3
        {
            std::thread::yield_now();
        }
        signal(&child, "-INT");
        let mut stdout = String::new();
        child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut stdout)
            .unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130));
        let jobs: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(jobs[0]["status"], "completed");
        assert_eq!(jobs[0]["outputs"][0]["url"], VIDEO);
        assert!(jobs[0]["error"].is_null(), "{jobs}");
        assert_eq!(jobs[1]["status"], "processing");
        assert_eq!(jobs[1]["error"]["kind"], "interrupted");
    }

    #[test]
    fn only_a_file_is_ever_replaced() {
        let emulated = Emulated::start(|builder| builder);
        let wave = emulated.wave();
        let pipe = wave.path("pipe");
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        let run = wave.run(&[&LIPSYNC[..], &["-o", "pipe", "--force"]].concat());
        assert_run!("refused-pipe", run);
        assert_run!(
            "refused-dash",
            wave.run(&[&LIPSYNC[..], &["-o", "-"]].concat())
        );
        assert!(emulated.emulator.requests().is_empty());
        assert!(!pipe.symlink_metadata().unwrap().is_file());
    }

    #[test]
    fn a_reader_who_has_read_enough_is_no_error() {
        let wave = Wave::new();
        let mut child = wave
            .command(&["voices"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut stderr = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        assert_eq!((child.wait().unwrap().code(), &*stderr), (Some(0), ""));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_result_that_cannot_be_written_is_told() {
        let wave = Wave::new();
        let full = std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let output = wave.command(&["voices"]).stdout(full).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(7));
        assert!(
            stderr.contains("could not be written to stdout"),
            "{stderr}"
        );
    }

    #[test]
    fn a_folder_that_is_not_writable_is_found_before_the_submit() {
        use std::os::unix::fs::PermissionsExt as _;
        let emulated = Emulated::start(|builder| builder);
        let wave = emulated.wave();
        let locked = wave.path("locked");
        std::fs::create_dir(&locked).unwrap();
        std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o555)).unwrap();
        if std::fs::write(locked.join("probe"), "").is_ok() {
            // Root may write anywhere; /proc takes files from nobody.
            let run = wave.run(&[&LIPSYNC[..], &["-o", "/proc/out.mp4"]].concat());
            assert!(run.exit == 2 || !Path::new("/proc").exists(), "{run}");
        } else {
            assert_eq!(
                wave.run(&[&LIPSYNC[..], &["-o", "locked/out.mp4"]].concat())
                    .exit,
                2
            );
        }
        assert!(emulated.emulator.requests().is_empty());
    }
}
