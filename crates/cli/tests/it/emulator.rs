//! Tests of `wave emulator`.

use std::process::Stdio;

use super::harness::*;

#[test]
fn emulator_serves_a_run_of_the_command() {
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

#[test]
fn emulator_prints_an_environment_to_copy() {
    use std::io::{BufRead as _, BufReader};
    let wave = Wave::new();
    let mut child = wave
        .command(&["emulator", "--api-key", "it's"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut origin = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut origin).unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let line = stderr.lines().nth(1).unwrap().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let origin = origin.trim();
    let expected = format!(r"export WAVESPEED_BASE_URL={origin} WAVESPEED_API_KEY='it'\''s'");
    assert_eq!(line, expected);
}
