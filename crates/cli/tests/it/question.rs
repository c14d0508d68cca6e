//! Tests of the question whether a single candidate is the job, which needs a terminal: a pseudo terminal.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::Child;

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::harness::{CLIP, ID, Wave, signal};
use super::history_server::{HistoryServer, foreign_item, item};

/// A command whose stdin and stderr are a terminal.
struct Typed {
    child: Child,
    /// The other side of the terminal.
    keyboard: File,
    shown: String,
}

impl Typed {
    fn spawn(wave: &Wave, words: &[&str]) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        let keyboard = openpt(flags).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let name = ptsname(&keyboard, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY;
        let terminal = File::from(open(name, flags, Mode::empty()).unwrap());
        let options = ["--settle-time", "0s", "--poll-interval", "10ms"];
        let mut command = wave.command(&[&options, words].concat());
        command
            .stdin(terminal.try_clone().unwrap())
            .stderr(terminal);
        let child = command.spawn().unwrap();
        Self {
            child,
            keyboard: keyboard.into(),
            shown: String::new(),
        }
    }

    /// Reads until the terminal shows a text.
    fn wait_for(&mut self, text: &str) {
        while !self.shown.contains(text) {
            let mut bytes = [0; 4096];
            // Without another side, Linux reports an error instead of the end.
            let read = self.keyboard.read(&mut bytes).unwrap_or(0);
            assert!(read > 0, "the command has ended: {}", self.shown);
            self.shown += &String::from_utf8_lossy(&bytes[..read]);
        }
    }

    fn write(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    /// Reads to the end, and returns the exit code.
    fn end(&mut self) -> Option<i32> {
        let mut rest = Vec::new();
        _ = self.keyboard.read_to_end(&mut rest);
        self.shown += &String::from_utf8_lossy(&rest);
        self.child.wait().unwrap().code()
    }
}

#[test]
fn only_candidate_is_adopted_after_a_yes() {
    let server = HistoryServer::start(&[item(ID, 0), foreign_item()]);
    let wave = server.lose_job();
    let mut typed = Typed::spawn(&wave, &["resume", "j1"]);
    typed.wait_for(&format!("Is {ID} the job j1? [y/N] "));
    for part in ["another program submits", "the submit  created"] {
        assert!(typed.shown.contains(part), "{}", typed.shown);
    }
    typed.write("y\n");
    assert_eq!(typed.end(), Some(0), "{}", typed.shown);
    assert_eq!(std::fs::read(wave.path("out.mp4")).unwrap(), CLIP);
    let jobs = wave.run(&["jobs", "--json"]).json();
    assert_eq!(jobs[0]["reconciled"], "chosen");
}

#[test]
fn only_candidate_is_left_after_a_no() {
    let server = HistoryServer::start(&[item(ID, 0), foreign_item()]);
    let wave = server.lose_job();
    for answer in ["\n", "n\n", "what\n"] {
        let mut typed = Typed::spawn(&wave, &["resume"]);
        typed.wait_for("[y/N] ");
        typed.write(answer);
        assert_eq!(typed.end(), Some(5), "{}", typed.shown);
        let command = format!("wave resume j1 --adopt {ID}");
        assert!(typed.shown.contains(&command), "{}", typed.shown);
    }
}

#[test]
fn question_can_be_interrupted() {
    let server = HistoryServer::start(&[item(ID, 0), foreign_item()]);
    let wave = server.lose_job();
    let mut typed = Typed::spawn(&wave, &["resume", "j1"]);
    typed.wait_for("[y/N] ");
    signal(&typed.child, "-INT");
    assert_eq!(typed.end(), Some(130), "{}", typed.shown);
    assert!(typed.shown.contains("wave resume j1"), "{}", typed.shown);
}

#[test]
fn several_candidates_and_programs_are_not_asked_about() {
    let server = HistoryServer::start(&[item(ID, 0), item("another-one", 0)]);
    let wave = server.lose_job();
    for options in [&[][..], &["--json"], &["--quiet"]] {
        let mut typed = Typed::spawn(&wave, &[&["resume", "j1"], options].concat());
        assert_eq!(typed.end(), Some(5), "{}", typed.shown);
        assert!(!typed.shown.contains("[y/N]"), "{}", typed.shown);
    }
}
