//! The matrix of faults: every fault of the emulator on each call of the main job (submit, poll,
//! download), once with the library and once with `wave`. The snapshot is a table of what is billed, the
//! source of the id, the end of the job, and the result of resuming it. The rules that hold in every row
//! are asserted while the row is run.

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

/// The number of rows at once. Most of their time is the back-off of `wave`, which uses the real clock.
const AT_ONCE: usize = 12;
/// The duration of a task that ends only when the clock of the emulator is moved.
const LONG: Duration = Duration::from_secs(3600);
const MODEL: &str = "kwaivgi/kling-lipsync/text-to-video";
const CALLS: [&str; 3] = ["submit", "result", "output"];

/// A row of the matrix: a scenario.
#[derive(Clone, Copy, Debug)]
struct Row(&'static str);

impl Row {
    fn call(self) -> &'static str {
        self.0.split_once(' ').unwrap().0
    }

    /// Returns the occurrence and the fault.
    fn fault(self) -> &'static str {
        self.0.split_once(' ').unwrap().1
    }

    fn is(self, word: &str) -> bool {
        self.0.contains(word)
    }

    /// Returns `true` if the fault never stops, so that only a deadline ends the run.
    fn is_for_ever(self) -> bool {
        self.is(" every ") && !self.is("no-ranges")
    }

    /// Returns `true` if a call is not answered before a timeout.
    fn is_silent(self) -> bool {
        self.is(" stall")
    }

    /// Returns `true` if the task must not end, because only a running task can have an unknown status.
    fn is_long(self) -> bool {
        self.is("result every unknown-status")
    }

    /// Returns `true` if the task ends without outputs.
    fn is_bad_end(self) -> bool {
        self.is(" ending ")
    }

    /// Starts an emulator with this scenario.
    fn start(self) -> Emulated {
        let scenario = self.0.replace(" + ", "\n").parse().unwrap();
        let time = if self.is_long() { LONG } else { Duration::ZERO };
        Emulated::start(|builder| builder.scenario(scenario).task_time(time))
    }

    /// Ends a long task between the first run and the resume.
    fn let_it_end(self, emulated: &Emulated) {
        if self.is_long() {
            emulated.emulator.clock().advance(LONG);
        }
    }
}

/// The result of a row, with the library or with `wave`.
#[derive(Debug)]
struct RowResult {
    /// The id of the task and the source of the id: `answer` or `history`.
    task: Option<(String, &'static str)>,
    /// The end of the job.
    end: String,
    /// The result of resuming the job, if the run failed.
    after: String,
    /// `true` if the output is saved.
    is_whole: bool,
}

impl RowResult {
    /// Checks the rules that hold in every row.
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
            "{row:?}: the known ids are those that were billed: {self:?}"
        );
        assert_eq!(self.is_whole, has_file, "{row:?}: {self:?}");
        // A billed output is saved, unless the task failed or the fault never stops.
        let is_had = has_file || row.is_bad_end() || row.is_for_ever();
        assert!(self.task.is_none() || is_had, "{row:?}: {self:?}");
    }
}

/// Runs a row. Returns the number of calls that the fault can hit, and the cells of the table.
fn run_row(row: Row, driver: impl Fn(Row, &Emulated) -> RowResult) -> (usize, Vec<String>) {
    let emulated = row.start();
    let result = driver(row, &emulated);
    let emulator = &emulated.emulator;
    result.check(row, emulator);
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
    assert!(calls > 0, "{row:?}: the fault hits no call");
    let id = result.task.map_or("-", |(_, source)| source).to_owned();
    let [billed, submits] = [emulator.billed().to_string(), submits.to_string()];
    (calls, vec![billed, submits, id, result.end, result.after])
}

/// Returns `true` if the output exists. An output that is not complete fails the test.
fn is_whole(target: &Path) -> bool {
    let Ok(bytes) = std::fs::read(target) else {
        return false;
    };
    assert!(bytes == CLIP, "{} is not the output", target.display());
    true
}

/// Runs all rows, several at once, and returns their results in order.
fn each<T: Send>(rows: &[Row], run: impl Fn(Row) -> T + Sync) -> Vec<T> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(row) = rows.get(at) else { break };
                    let result = run(*row);
                    done.lock().unwrap().push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Returns the lines with aligned columns.
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
    let results = each(&rows, |row| {
        (run_row(row, library::run_row), run_row(row, wave::run_row))
    });
    let names = "call|fault|library: calls|billed|submits|id|end|after resuming\
                 |wave: billed|submits|id|end|after wave resume";
    let names = names.split('|').map(str::to_owned).collect();
    // `wave` uses the real clock, so the number of its calls varies, and is not shown.
    let lines = rows
        .iter()
        .zip(results)
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

/// Each fault of the emulator has a row for each call on which it is possible.
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
            // The fault concerns webhooks, whose tests are in `webhook.rs`.
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
