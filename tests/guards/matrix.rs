//! Every fault of the emulator on each call of the main job (submit, poll, download), met by the
//! library and by `wave`: what is billed, whether the id is known, how it ends, and what going on
//! makes of it. The table of that is a snapshot, to be read as a whole; what holds in every row is
//! asserted where the row is run.

mod library;
mod rows;
mod wave;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use wavespeed_emulator::{Emulator, Scenario};

use self::rows::ROWS;
use super::wave::{CLIP, Emulated};

/// Rows at once; most of their time is the back-off of `wave`, by the real clock.
const AT_ONCE: usize = 12;
/// A task that does not end by itself.
const LONG: Duration = Duration::from_secs(3600);
const MODEL: &str = "kwaivgi/kling-lipsync/text-to-video";
const CALLS: [&str; 3] = ["submit", "result", "output"];

/// A scenario, and what the runs under it need to know.
#[derive(Clone, Copy, Debug)]
struct Row(&'static str);

impl Row {
    fn call(self) -> &'static str {
        self.0.split_once(' ').unwrap().0
    }

    /// Occurrence and fault.
    fn fault(self) -> &'static str {
        self.0.split_once(' ').unwrap().1
    }

    fn is(self, word: &str) -> bool {
        self.0.contains(word)
    }

    /// Whether the vendor never gets well, so that only a deadline ends it.
    fn is_for_ever(self) -> bool {
        self.is(" every ") && !self.is("no-ranges")
    }

    /// Whether nothing comes until somebody has waited long enough.
    fn is_silent(self) -> bool {
        self.is(" stall")
    }

    /// Only a task that goes on can have a status that nobody knows.
    fn is_long(self) -> bool {
        self.is("result every unknown-status")
    }

    /// Whether the task itself ends badly.
    fn is_bad_end(self) -> bool {
        self.is(" ending ")
    }

    /// An emulator under this scenario.
    fn start(self) -> Emulated {
        let scenario = self.0.replace(" + ", "\n").parse().unwrap();
        let time = if self.is_long() { LONG } else { Duration::ZERO };
        Emulated::start(|builder| builder.scenario(scenario).task_time(time))
    }

    /// A task that takes long ends between the first run and going on.
    fn let_it_end(self, emulated: &Emulated) {
        if self.is_long() {
            emulated.emulator.clock().advance(LONG);
        }
    }
}

/// What one of the two tells of a row.
#[derive(Debug)]
struct Told {
    /// The id of the task, and from where it is known: `answer` or `history`.
    task: Option<(String, &'static str)>,
    /// How the job ended.
    end: String,
    /// What came of going on, if it did not end well.
    after: String,
    is_whole: bool,
}

impl Told {
    /// What holds in every row, whoever meets it.
    fn check(&self, row: Row, emulator: &Emulator) {
        let last = match &*self.after {
            "" => &self.end,
            after => after,
        };
        let has_file = last.ends_with("file");
        let id = self.task.iter().map(|(id, _)| id);
        assert!(emulator.billed() <= 1, "{row:?} is paid twice: {self:?}");
        assert!(
            emulator.tasks().iter().eq(id),
            "{row:?}: what is paid for is known, and nothing else: {self:?}"
        );
        assert_eq!(self.is_whole, has_file, "{row:?}: {self:?}");
        // What was paid for is had, unless it failed or the vendor never gets well.
        let is_had = has_file || row.is_bad_end() || row.is_for_ever();
        assert!(self.task.is_none() || is_had, "{row:?}: {self:?}");
    }
}

/// A row met by one of the two: cells of the table.
fn meet(row: Row, driver: impl Fn(Row, &Emulated) -> Told) -> (usize, Vec<String>) {
    let emulated = row.start();
    let told = driver(row, &emulated);
    let emulator = &emulated.emulator;
    told.check(row, emulator);
    let requests = emulator.requests();
    let count = |is: &dyn Fn(&str) -> bool| {
        let paths = requests.iter().map(|request| &*request.path);
        paths.filter(|path| is(path)).count()
    };
    let submits = count(&|path| path.ends_with(MODEL));
    let calls = match row.call() {
        "submit" => submits,
        "result" => count(&|path| path.ends_with("/result")),
        _ => count(&|path| path.starts_with("/outputs/")),
    };
    assert!(calls > 0, "{row:?} strikes nothing");
    let id = told.task.map_or("-", |(_, source)| source).to_owned();
    let [billed, submits] = [emulator.billed().to_string(), submits.to_string()];
    (calls, vec![billed, submits, id, told.end, told.after])
}

/// Whether the output is there; it is never there in part.
fn is_whole(target: &Path) -> bool {
    let Ok(bytes) = std::fs::read(target) else {
        return false;
    };
    assert!(bytes == CLIP, "{} is not the output", target.display());
    true
}

/// Runs all rows, some at once, and keeps their order.
fn each<T: Send>(rows: &[Row], run: impl Fn(Row) -> T + Sync) -> Vec<T> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(row) = rows.get(at) else { break };
                    let met = run(*row);
                    done.lock().unwrap().push((at, met));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, met)| met).collect()
}

/// Lines of aligned cells.
fn table(lines: &[Vec<String>]) -> String {
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max();
    let widths: Vec<usize> = (0..lines[0].len()).filter_map(width).collect();
    let line = |cells: &Vec<String>| {
        let padded = cells.iter().zip(&widths);
        let padded: Vec<String> = padded
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_fault_on_every_call() {
    let rows: Vec<Row> = ROWS.iter().copied().map(Row).collect();
    let met = each(&rows, |row| {
        (meet(row, library::meet), meet(row, wave::meet))
    });
    let names = "call|fault|library: calls|billed|submits|id|end|after going on\
                 |wave: billed|submits|id|end|after wave resume";
    let names = names.split('|').map(str::to_owned).collect();
    // By the real clock, how often `wave` calls is not the same every time.
    let lines = rows
        .iter()
        .zip(met)
        .map(|(row, ((calls, library), (_, wave)))| {
            let row = [
                row.call().to_owned(),
                row.fault().to_owned(),
                calls.to_string(),
            ];
            [Vec::from(row), library, wave].concat()
        });
    let lines: Vec<Vec<String>> = std::iter::once(names).chain(lines).collect();
    insta::with_settings!({
        omit_expression => true,
        prepend_module_to_snapshot => false,
        snapshot_path => "snapshots/matrix",
    }, { insta::assert_snapshot!("matrix", table(&lines)) });
}

/// A fault that is new to the emulator has to get its rows, on each call where it is possible.
#[test]
fn no_fault_is_left_out() {
    let unknown = "any once x".parse::<Scenario>().unwrap_err().reason;
    let names = unknown.split_once("take ").unwrap().1.replace(" or ", ", ");
    let name_in = |row: &str| {
        let mut words = row
            .split(' ')
            .skip_while(|word| !names.split(", ").any(|name| name == *word));
        words.next().unwrap().to_owned()
    };
    let covered: BTreeSet<(&str, String)> = ROWS
        .iter()
        .map(|row| (Row(row).call(), name_in(row)))
        .collect();
    let is_possible =
        |call: &str, fault: &str| format!("{call} {fault}").parse::<Scenario>().is_ok();
    for name in names.split(", ") {
        let alone = format!("once {name}");
        if is_possible("webhook", &alone) && !CALLS.iter().any(|call| is_possible(call, &alone)) {
            // It befalls what the emulator sends, not what it answers: `webhook.rs` has it.
            continue;
        }
        let row = ROWS.iter().find(|row| name_in(row) == name);
        let row = row.unwrap_or_else(|| panic!("no row has {name}"));
        let first = Row(row).fault().split(" + ").next().unwrap();
        let possible = CALLS.into_iter().filter(|call| is_possible(call, first));
        for call in possible {
            assert!(
                covered.contains(&(call, name.to_owned())),
                "no row has {call} … {name}"
            );
        }
    }
}
