//! What a person sees: lines on stderr, and a line that moves while something takes time.

use std::io::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use wavespeed::{Fault, Model, Severity};

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
    match model.and_then(|model| model.input(name)) {
        Some(input) => format!("--{}{}", input.flag, &fault.field[name.len()..]),
        None => format!("--{}", clean(&fault.field)),
    }
}

/// A line that moves on a terminal, and is not there in a pipe. Gone when dropped.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new(quiet: bool) -> Self {
        let target = if quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = ProgressStyle::with_template("{spinner} {elapsed}  {wide_msg}");
        bar.set_style(style.expect("the template is fixed"));
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Self(bar)
    }

    /// The id of a task, the moment it is known, whatever else is to be said.
    pub(crate) fn id(&self, id: &str) {
        self.0.suspend(|| line(&format!("id: {}", clean(id))));
    }

    /// What is going on now.
    pub(crate) fn show(&self, state: &str) {
        self.0.set_message(clean(state));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
