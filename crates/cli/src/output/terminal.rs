//! What a person sees: lines on stderr, and a line that moves while something takes time.

use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use wavespeed::poll::Estimate;
use wavespeed::{
    Deadline, Fault, Model, Severity, UploadOptions, UploadProgress, UploadStep, Uploaded,
};

use crate::output::failure::Failure;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// Whether a character could move the cursor of a terminal, change its colours, or show a text
/// other than it is.
pub(crate) fn is_harmful(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text of others, harmless to a terminal, on one line.
pub(crate) fn clean(text: &str) -> String {
    let shown = |c| if is_harmful(c) { '\u{fffd}' } else { c };
    text.chars().map(shown).collect()
}

/// A line on stderr. That it cannot be written is no reason to stop.
fn line(text: &str) {
    _ = writeln!(anstream::stderr(), "{text}");
}

/// Something worth knowing.
pub(crate) fn note(text: &str) {
    line(&clean(text));
}

/// Something that may be wrong.
pub(crate) fn warning(text: &str) {
    line(&format!("{WARNING}warning:{WARNING:#} {}", clean(text)));
}

/// What went wrong, each fault on its own line.
pub(crate) fn failure(failure: &Failure, model: Option<&Model>) {
    line(&format!(
        "{ERROR}error:{ERROR:#} {}",
        clean(&failure.message)
    ));
    let (refused, others): (Vec<&Fault>, _) =
        failure.faults.iter().partition(|fault| fault.is_refusal());
    for fault in refused {
        line(&format!("  {}", told(fault, model)));
    }
    for fault in others {
        odd(fault, model);
    }
}

/// What to do now.
pub(crate) fn hint(text: &str) {
    line(&format!("{HINT}hint:{HINT:#} {}", clean(text)));
}

/// What is wrong with an input that is sent all the same.
pub(crate) fn odd(fault: &Fault, model: Option<&Model>) {
    let end = match fault.severity {
        Severity::Overridden => " (overridden)",
        _ => "",
    };
    line(&format!(
        "{WARNING}warning:{WARNING:#} {}{end}",
        told(fault, model)
    ));
}

/// What is wrong with a file that was to be looked at.
pub(crate) fn about(file: &str, fault: &Fault) {
    let (style, word) = match fault.is_refusal() {
        true => (ERROR, "error:"),
        false => (WARNING, "warning:"),
    };
    let (file, message) = (clean(file), clean(&fault.message));
    line(&format!("{style}{word}{style:#} {file}: {message}"));
}

fn told(fault: &Fault, model: Option<&Model>) -> String {
    format!("{}: {}", flag(fault, model), clean(&fault.message))
}

/// The flag that sets what a fault is about.
fn flag(fault: &Fault, model: Option<&Model>) -> String {
    let name = fault.field.split(['[', '.']).next().unwrap_or_default();
    // Only the models of the catalogue have flags.
    if model.is_some_and(|model| wavespeed::model(model.id).is_none()) {
        return format!("-i {}", clean(&fault.field));
    }
    match model.and_then(|model| model.input(name)) {
        Some(input) => format!("--{}{}", input.flag, &fault.field[name.len()..]),
        None => format!("--{}", clean(&fault.field)),
    }
}

/// A word for a shell.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The same, where it matters.
pub(crate) fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./=:".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => quoted(text),
    }
}

/// How long a task has taken and will take, likely, in words.
fn likely(outlook: Estimate) -> String {
    // No finer than anybody can know it.
    let grain = |seconds: u64| match seconds {
        0..10 => 1,
        10..60 => 5,
        60..600 => 60,
        600..3_600 => 300,
        _ => 1_800,
    };
    let up = |time: Duration| {
        let seconds = time.as_secs_f64().ceil().max(1.0) as u64;
        seconds.next_multiple_of(grain(seconds))
    };
    let soonest = outlook.soonest.as_secs();
    let from = soonest - soonest % grain(soonest);
    let to = up(outlook.latest);
    let rest = match (from, to) {
        (0, to) => format!("within {}", clock(to)),
        (from, to) if from == to => format!("in {}", clock(to)),
        (from, to) if from < 60 && to >= 60 => format!("in {} to {}", clock(from), clock(to)),
        (from, to) if from < 60 => format!("in {from}–{}", clock(to)),
        (from, to) => format!("in {}–{}", from / 60, clock(to)),
    };
    let elapsed = outlook.elapsed.as_secs();
    let whole = outlook.elapsed + outlook.expected;
    let whole = match whole.as_secs() {
        60..600 => whole.as_secs().next_multiple_of(10),
        _ => up(whole),
    };
    format!(
        "{} of about {}, likely done {rest}",
        clock(elapsed),
        clock(whole)
    )
}

/// Full seconds, with minutes as on a clock.
fn clock(seconds: u64) -> String {
    match (seconds / 60, seconds % 60) {
        (minutes, 0) if minutes > 0 => format!("{minutes} min"),
        (0, seconds) => format!("{seconds} s"),
        (minutes, seconds) => format!("{minutes} min {seconds:02} s"),
    }
}

/// A time in words, no finer than it matters.
pub(crate) fn time(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..3_600 => clock(whole),
        _ => format!("{} h {:02} min", whole / 3_600, whole % 3_600 / 60),
    }
}

/// The line while something takes time of which nobody knows how much.
const SPINNER: &str = "{spinner} {elapsed}  {wide_msg}";
/// The line while a task runs, which says itself for how long.
const TASK: &str = "{spinner} {wide_msg}";
/// The line while so and so many bytes are on their way.
const BAR: &str = "{spinner} {elapsed}  {msg}  {wide_bar} {bytes}/{total_bytes} {bytes_per_sec}";

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is fixed")
}

/// A line that moves on a terminal, and is not there in a pipe. Gone when dropped.
pub(crate) struct Progress {
    bar: ProgressBar,
    quiet: bool,
}

impl Progress {
    pub(crate) fn new(quiet: bool) -> Self {
        let target = if quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(style(SPINNER));
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Self { bar, quiet }
    }

    /// The id of a task, the moment it is known, whatever else is to be said.
    pub(crate) fn id(&self, id: &str) {
        self.bar.suspend(|| line(&format!("id: {}", clean(id))));
    }

    /// What is going on now.
    pub(crate) fn show(&self, state: &str) {
        self.bar.set_style(style(SPINNER));
        self.bar.set_message(clean(state));
    }

    /// How far a task has come.
    pub(crate) fn task(&self, status: &str, outlook: Option<Estimate>) {
        let Some(outlook) = outlook else {
            return self.show(status);
        };
        self.bar.set_style(style(TASK));
        self.bar
            .set_message(clean(&format!("{status}, {}", likely(outlook))));
    }

    /// Something that may pass, where no line shows it.
    pub(crate) fn trouble(&self, text: &str) {
        if self.bar.is_hidden() && !self.quiet {
            warning(text);
        }
    }

    /// Uploads that end by then and show here how far they have come.
    pub(crate) fn upload(&self, deadline: Deadline) -> UploadOptions {
        let mut options = UploadOptions::new(deadline);
        if !self.bar.is_hidden() {
            let (bar, shown) = (self.bar.clone(), Mutex::new(None));
            options.watcher = Some(Arc::new(move |progress: UploadProgress<'_>| {
                let now = Some((progress.path.to_owned(), progress.step));
                let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
                if *shown != now {
                    begin(&bar, &progress);
                    *shown = now;
                }
                bar.set_position(progress.done);
            }));
        }
        options
    }

    /// What came of an upload, if that may surprise.
    pub(crate) fn uploaded(&self, file: &Uploaded) {
        if file.known && !self.quiet {
            let text = format!(
                "{}: uploaded before, so nothing is sent",
                file.path.display()
            );
            self.bar.suspend(|| note(&text));
        }
    }
}

/// Another file, or the same one in another way.
fn begin(bar: &ProgressBar, progress: &UploadProgress<'_>) {
    let step = match progress.step {
        UploadStep::Hashing => "reading",
        _ => "uploading",
    };
    let name = progress.path.file_name().unwrap_or_default();
    bar.set_style(style(BAR));
    bar.set_length(progress.total);
    bar.set_message(clean(&format!("{step} {}", name.to_string_lossy())));
    bar.reset_eta();
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use wavespeed::poll::{Durations, LogNormal};

    use super::*;

    #[test]
    fn what_is_likely_is_told_no_finer_than_it_is_known() {
        let told = |median: f64, sigma: f64, elapsed: u64| {
            let median = Duration::from_secs_f64(median);
            let durations = Durations::new(LogNormal { median, sigma });
            likely(durations.estimate(Duration::from_secs(elapsed)))
        };
        for (median, sigma, elapsed, expected) in [
            (2.0, 0.3, 0, "0 s of about 2 s, likely done in 1–3 s"),
            (30.0, 0.3, 0, "0 s of about 30 s, likely done in 20–45 s"),
            (60.0, 0.2, 34, "34 s of about 1 min, likely done in 10–45 s"),
            (
                60.0,
                0.4,
                34,
                "34 s of about 1 min 10 s, likely done in 6 s to 2 min",
            ),
            // It takes longer than most.
            (
                60.0,
                0.4,
                150,
                "2 min 30 s of about 2 min 50 s, likely done in 2–55 s",
            ),
            (
                270.0,
                1.2,
                5,
                "5 s of about 4 min 30 s, likely done in 50 s to 25 min",
            ),
            (
                270.0,
                1.2,
                700,
                "11 min 40 s of about 25 min, likely done in 1–40 min",
            ),
            (
                7_200.0,
                0.3,
                3_000,
                "50 min of about 150 min, likely done in 30–150 min",
            ),
        ] {
            assert_eq!(told(median, sigma, elapsed), expected);
        }
    }
}
