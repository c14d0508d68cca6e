//! What an upload costs: the PUT of 100 MB to a server on this machine by `wave upload` and by
//! `curl -T`, in turns in one run, the peak of our memory, and the pass that hashes before it.
//! Prints a table; nothing here can fail by the clock.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a table for people, by a tool for developers"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const WAVE: &str = env!("CARGO_BIN_EXE_wave-under-test");
const BYTES: u64 = 100_000_000;
const RUNS: usize = 15;

fn main() {
    // `cargo test` runs benches, too, without this word.
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clip.mp4");
    let piece: Vec<u8> = (0..=255).cycle().take(1_000_000).collect();
    std::fs::write(&file, piece.repeat(100)).unwrap();
    let server = Server::new();
    let has_curl = Command::new("curl")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        ours.push(server.wave(&file));
        theirs.extend(has_curl.then(|| server.curl(&file)));
    }
    let put = median(ours.iter().map(|run| run.put));
    let hash = median(ours.iter().map(|run| run.before));
    println!("| 100 MB, median of {RUNS} | |\n|---|---|");
    println!("| PUT by wave upload | {:.0} MB/s |", rate(put));
    match has_curl {
        true => {
            let curl = median(theirs.into_iter());
            println!("| PUT by curl -T | {:.0} MB/s |", rate(curl));
            println!("| one in the other | {:.2} |", rate(put) / rate(curl));
        }
        false => println!("| PUT by curl -T | there is no curl here |"),
    }
    println!(
        "| before the ticket: start, read and hash | {:.0} MB/s, {:.0} ms |",
        rate(hash),
        hash.as_secs_f64() * 1e3
    );
    match ours.iter().filter_map(|run| run.peak_kib).max() {
        Some(peak) => println!("| peak of memory | {:.1} MiB |", peak as f64 / 1024.0),
        None => println!("| peak of memory | this system does not tell it |"),
    }
}

/// What a run of `wave upload` took.
struct Run {
    /// From its start to the call for the ticket.
    before: Duration,
    put: Duration,
    peak_kib: Option<u64>,
}

/// The API and the storage, one request a connection.
struct Server {
    listener: TcpListener,
    origin: String,
}

impl Server {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        Self { listener, origin }
    }

    fn wave(&self, file: &Path) -> Run {
        let start = Instant::now();
        let mut child = Command::new(WAVE)
            .args(["upload", "--no-journal", "--base-url", &self.origin])
            .arg(file)
            .env("WAVESPEED_API_KEY", "bench")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let (stream, _) = self.take();
        let before = start.elapsed();
        let ticket = format!(
            r#"{{"code":200,"data":{{"download_url":"https://a.example/clip.mp4","upload":{{"url":"{}/put"}}}}}}"#,
            self.origin
        );
        answer(stream, &ticket);
        let (stream, put) = self.take();
        // It waits for the answer, so it is still there to be asked.
        let peak_kib = peak(&child);
        answer(stream, "");
        ended(&mut child);
        Run {
            before,
            put,
            peak_kib,
        }
    }

    fn curl(&self, file: &Path) -> Duration {
        let mut child = Command::new("curl")
            .args(["-sS", "-H", "Expect:", "-T"])
            .arg(file)
            .arg(format!("{}/put", self.origin))
            .spawn()
            .unwrap();
        let (stream, put) = self.take();
        answer(stream, "");
        ended(&mut child);
        put
    }

    /// A request with all of its body, and how long it took from its first byte to its last.
    fn take(&self) -> (TcpStream, Duration) {
        let (stream, _) = self.listener.accept().unwrap();
        let mut reader = BufReader::with_capacity(256 << 10, stream);
        reader.fill_buf().unwrap();
        let start = Instant::now();
        let mut left = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                left = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let read = std::io::copy(&mut reader.by_ref().take(left), &mut std::io::sink());
        assert_eq!(read.unwrap(), left);
        (reader.into_inner(), start.elapsed())
    }
}

fn answer(mut stream: TcpStream, body: &str) {
    let length = body.len();
    let head = "HTTP/1.1 200 OK\r\nConnection: close";
    write!(stream, "{head}\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
}

fn ended(child: &mut Child) {
    assert!(child.wait().unwrap().success());
}

/// The most memory that a process ever had, on Linux.
fn peak(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn rate(time: Duration) -> f64 {
    BYTES as f64 / 1e6 / time.as_secs_f64()
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    times[times.len() / 2]
}
