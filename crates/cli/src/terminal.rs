//! What a person sees: lines on stderr, and a line that moves while something takes time.

use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use wavespeed::{
    Deadline, Fault, Model, Severity, UploadOptions, UploadProgress, UploadStep, Uploaded,
};

use crate::failure::Failure;

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

/// What went wrong, each fault on its own line, and what to do now.
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
    if let Some(hint) = &failure.hint {
        line(&format!("{HINT}hint:{HINT:#} {}", clean(hint)));
    }
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

/// How long something will take, likely, in words.
pub(crate) fn likely((from, to): (Duration, Duration)) -> String {
    // No finer than anybody can know it.
    let grain = |seconds: u64| match seconds {
        0..10 => 1,
        10..60 => 5,
        60..600 => 60,
        600..3_600 => 300,
        _ => 1_800,
    };
    let (from, to) = (from.as_secs(), to.as_secs().max(1));
    let from = from - from % grain(from);
    let to = to.next_multiple_of(grain(to));
    match (from, to) {
        (0, to) => format!("likely done within {}", span(to)),
        (from, to) if (from < 60) == (to < 60) => {
            let (value, unit) = value(to);
            format!(
                "likely done in {}–{value} {unit}",
                if to < 60 { from } else { from / 60 }
            )
        }
        (from, to) => format!("likely done in {} to {}", span(from), span(to)),
    }
}

/// A time in words, no finer than it matters.
pub(crate) fn time(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..60 => format!("{whole} s"),
        60..3_600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3_600, whole % 3_600 / 60),
    }
}

fn span(seconds: u64) -> String {
    let (value, unit) = value(seconds);
    format!("{value} {unit}")
}

fn value(seconds: u64) -> (u64, &'static str) {
    match seconds {
        0..60 => (seconds, "s"),
        seconds => (seconds.div_ceil(60), "min"),
    }
}

/// The line while something takes time of which nobody knows how much.
const SPINNER: &str = "{spinner} {elapsed}  {wide_msg}";
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
