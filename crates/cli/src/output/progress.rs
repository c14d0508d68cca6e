//! The progress line: a line on stderr that is redrawn while something takes time. In a pipe it is not
//! shown, and warnings take its place.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use wavespeed::poll::Estimate;
use wavespeed::{Fault, Model, PredictionId, UploadProgress, UploadStep, Uploaded};

use super::notices::Notices;
use super::terminal::{ask, clean, input_warning, line, note, warning};
use super::time;

/// The template of work of unknown length.
const SPINNER: &str = "{spinner} {elapsed}  {wide_msg}";
/// The template of a running job, whose text has the elapsed time.
const JOB: &str = "{spinner} {wide_msg}";
/// The template of a transfer of known length.
const BAR: &str = "{spinner} {elapsed}  {msg}  {wide_bar} {bytes}/{total_bytes} {bytes_per_sec}";
/// The time between two frames of the spinner. Eight frames a second look even and cost little.
const FRAME: Duration = Duration::from_millis(120);

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is fixed")
}

/// The progress line of a command. It is removed on drop.
pub(crate) struct Progress {
    bar: ProgressBar,
    quiet: bool,
    notices: Notices,
}

impl Progress {
    pub(crate) fn new(notices: &Notices) -> Self {
        // indicatif hides the line itself where stderr is no terminal.
        let quiet = notices.is_quiet();
        let target = if quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(style(SPINNER));
        if !bar.is_hidden() {
            bar.enable_steady_tick(FRAME);
        }
        notices.set_bar(&bar);
        Self {
            bar,
            quiet,
            notices: notices.clone(),
        }
    }

    /// Prints the id of a job. It is printed as soon as it is known, also with `--quiet`.
    pub(crate) fn id(&self, id: &PredictionId) {
        self.bar
            .suspend(|| line(&format!("id: {}", clean(id.as_str()))));
    }

    /// Shows the current step.
    pub(crate) fn show(&self, step: &str) {
        // The line before may have been a bar.
        self.bar.set_style(style(SPINNER));
        self.bar.set_message(clean(step));
    }

    /// Shows the status of a job, and its elapsed and expected time if there is an estimate.
    pub(crate) fn job(&self, status: &str, estimate: Option<Estimate>) {
        let Some(estimate) = estimate else {
            return self.show(status);
        };
        self.bar.set_style(style(JOB));
        self.bar
            .set_message(clean(&format!("{status}, {}", time::progress(estimate))));
    }

    /// Warns of a transient error, unless the progress line shows it.
    pub(crate) fn transient(&self, text: &str) {
        if self.bar.is_hidden() && !self.quiet {
            warning(text);
        }
    }

    /// Announces a wait that the vendor has requested, if it is long; see [`Notices::requested_wait`]. Warns of
    /// any other as of a transient error if `warns`.
    pub(crate) fn pause(
        &self,
        what: &str,
        requested: Option<Duration>,
        wait: Duration,
        warns: bool,
    ) {
        let requested = requested.unwrap_or_default();
        if !self.notices.requested_wait(what, requested, wait) && warns {
            self.transient(&format!("{what} in {}", time::wait(wait)));
        }
    }

    /// Returns a bar that shows the progress of uploads here.
    pub(crate) fn upload_bar(&self) -> UploadBar {
        UploadBar {
            bar: self.bar.clone(),
            shown: Mutex::default(),
        }
    }

    /// Prints a warning about the input, above the progress line.
    pub(crate) fn input_warning(&self, fault: &Fault, model: &Model) {
        if !self.quiet {
            self.bar.suspend(|| input_warning(fault, Some(model)));
        }
    }

    /// Prints a note above the progress line, unless `--quiet` is given.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.bar.suspend(|| note(text));
        }
    }

    /// Asks a question, after lines with the facts. Returns `true` if the answer is yes.
    pub(crate) async fn confirm(&self, facts: &[String], question: &str) -> bool {
        // The line would be drawn over the question, and over what is typed.
        self.bar.disable_steady_tick();
        self.bar.finish_and_clear();
        facts.iter().for_each(|fact| note(fact));
        let question = clean(question);
        // A signal must end the command meanwhile, so the runtime is not blocked.
        let answer = tokio::task::spawn_blocking(move || ask(&question)).await;
        self.bar.reset();
        if !self.bar.is_hidden() {
            self.bar.enable_steady_tick(FRAME);
        }
        answer.unwrap_or(false)
    }

    /// Prints a note if an earlier upload of the file is reused.
    pub(crate) fn uploaded(&self, file: &Uploaded) {
        if file.known {
            let path = file.path.display();
            self.note(&format!(
                "{path}: uploaded before; the earlier upload is reused"
            ));
        }
    }
}

/// A bar that shows the progress of uploads.
#[derive(Debug)]
pub(crate) struct UploadBar {
    bar: ProgressBar,
    /// The file and the step that are shown.
    shown: Mutex<Option<(PathBuf, UploadStep)>>,
}

impl UploadBar {
    pub(crate) fn show(&self, progress: &UploadProgress<'_>) {
        if self.bar.is_hidden() {
            return;
        }
        let now = Some((progress.path.to_owned(), progress.step));
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if *shown != now {
            begin(&self.bar, progress);
            *shown = now;
        }
        self.bar.set_position(progress.done);
    }
}

/// Starts the bar of another file, or of another step of the same file.
fn begin(bar: &ProgressBar, progress: &UploadProgress<'_>) {
    let step = match progress.step {
        UploadStep::Hashing => "reading",
        _ => "uploading",
    };
    let name = progress.path.file_name().unwrap_or_default();
    bar.set_style(style(BAR));
    bar.set_length(progress.total);
    bar.set_message(clean(&format!("{step} {}", name.to_string_lossy())));
    // The speed of the step before would distort that of this one.
    bar.reset_eta();
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
