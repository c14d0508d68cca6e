//! `wave lipsync` and `wave run`: check, upload, submit, wait, save.

mod check;
mod observer;
mod wait;

use std::sync::Arc;

use serde_json::Value;
use wavespeed::{ExistingReason, Job, JobBuilder, Next, RawInput, SubmitError, Target, Wavespeed};

use self::check::{Run, check_without_client};
use self::observer::SubmitObserver;
use super::dry_run::dry_run;
use crate::args::input_values;
use crate::args::model::{RunArgs, RunModelArgs};
use crate::choose_model::choose;
use crate::context::Context;
use crate::lipsync::LIPSYNC;
use crate::output::document::{FaultDocument, Kind};
use crate::output::failure::Failure;
use crate::output::job::JobReport;
use crate::output::progress::Progress;
use crate::output::report::Report;
use crate::output::shell::word;
use crate::reconcile::note_adoption;

pub(super) async fn lipsync(args: &RunArgs, context: &mut Context) -> Report {
    run(LIPSYNC, "wave lipsync --help", args, context).await
}

pub(super) async fn run_model(args: &RunModelArgs, context: &mut Context) -> Report {
    let Some(id) = &args.model else {
        return Report::failed(no_model());
    };
    let help = match wavespeed::model(id) {
        Some(_) => format!("wave run {id} --help"),
        None => format!("wave schema {id} --live"),
    };
    run(id, &help, &args.run, context).await
}

/// Returns the failure of a command line without a model.
pub(super) fn no_model() -> Failure {
    Failure::usage("no model is named").hint("list models with: wave models")
}

/// Runs a model. `help` is the command that shows its inputs.
async fn run(id: &str, help: &str, args: &RunArgs, context: &mut Context) -> Report {
    let chosen = match choose(id, args.live.live, args.inputs.rest(), context).await {
        Ok(chosen) => chosen,
        Err(failure) => return Report::failed(failure),
    };
    let command = Run { chosen, help, args };
    let mut report = JobReport {
        model: Some(chosen.model),
        ..JobReport::default()
    };
    report.document.model = Some(chosen.model.id.to_owned());
    match command.attempt(context, &mut report).await {
        Ok(Some(report)) => report,
        Ok(None) => report.into(),
        // An emulated job cannot be resumed: it ends with this process.
        Err(failure) if context.global.emulate && report.document.id.is_some() => {
            let failure = failure.next(Next::None);
            let failure = failure.hint("an emulated job ends with this process");
            report.fail(failure).into()
        }
        Err(failure) => report.fail(failure).into(),
    }
}

impl Run<'_> {
    /// Submits the input, waits for its job, and saves the outputs. Returns a report instead for
    /// `--dry-run`.
    async fn attempt(
        &self,
        context: &mut Context,
        report: &mut JobReport,
    ) -> Result<Option<Report>, Failure> {
        let args = self.args;
        let target = args.output.target();
        self.check_options(context)?;
        let given = input_values::read(self.chosen.model, &args.inputs)?;
        self.check_template(target.as_ref(), &given.input)?;
        let client = match args.dry_run {
            true => context.client().await,
            false => context.client_to_submit().await,
        };
        let client = match client {
            Ok(client) => client,
            // The faults of the input would be the next errors.
            Err(failure) => {
                return Err(check_without_client(self, &given.input, context, failure));
            }
        };
        given.notes.iter().for_each(|note| context.note(note));
        let progress = Arc::new(Progress::new(&context.notices));
        let job = self.builder(&client, &given.input, target.as_ref(), context);
        // The same builder, so that a dry run makes exactly the checks of a run.
        if args.dry_run {
            return self.dry_run(&client, &given.input, &job).await.map(Some);
        }
        // With a journal, wave resume knows the output path. Without one, a hint has to name it.
        let has_journal = !context.global.no_journal && !context.global.emulate;
        report.saves = target.is_some() && has_journal;
        let output = target.as_ref().filter(|_| !has_journal);
        report.output = output.map(|target| target.as_path().to_owned());
        let observer = Arc::new(SubmitObserver {
            progress: Arc::clone(&progress),
            bar: progress.upload_bar(),
            shared_jobs: context.shared_jobs.clone(),
            model: self.chosen.model,
            has_journal,
            retry_failed: args.retry_failed,
        });
        // Until the submit is over, the report is changed by the observer, so that a signal in between
        // reports everything that is known.
        context.shared_jobs.update(0, report);
        let steps = Arc::clone(&observer);
        let submitted = job.observer(move |event| steps.observe(event)).await;
        if let Ok(job) = &submitted {
            // No event has the id if another process has just sent the job of the key.
            observer.submitted(job);
        }
        drop(observer);
        *report = context.shared_jobs.report(0);
        let job = submitted.map_err(|error| self.failure(error, has_journal, report))?;
        note_adoption(&job, report);
        // The id is the result then, also for a script that reads only stdout.
        if context.global.no_wait {
            report.lines.push(job.id().to_string());
            return Ok(None);
        }
        let waited = wait::wait(&client, job, target.as_ref(), progress, context, report).await;
        waited.map_err(|failure| self.with_retry_hint(failure))?;
        Ok(None)
    }

    /// Fails for options that exclude each other.
    fn check_options(&self, context: &Context) -> Result<(), Failure> {
        if self.args.output.target().is_some() && context.global.no_wait {
            return Err(Failure::usage(
                "--no-wait and --output exclude each other: nothing is saved without waiting",
            )
            .hint("save the outputs later with: wave wait ID -o FILE"));
        }
        if self.args.key.is_some() && context.global.no_journal {
            return Err(Failure::usage(
                "--key and --no-journal exclude each other: a key needs a journal that outlives \
                 the process",
            ));
        }
        Ok(())
    }

    /// Fails for a template of the output path with a name that is not known. The library checks the names for
    /// models whose inputs it knows; those of any other model are the inputs that are given.
    fn check_template(&self, target: Option<&Target>, input: &Value) -> Result<(), Failure> {
        let model = self.chosen.model;
        if self.chosen.listed().is_some() || wavespeed::model(model.id).is_some() {
            return Ok(());
        }
        match target.and_then(|target| target.check_inputs(model, input)) {
            Some(fault) => Err(Failure::input(vec![fault]).hint(Failure::OUTPUT_HINT)),
            None => Ok(()),
        }
    }

    /// Adds the way to submit the job of a key once more to the failure of a job.
    fn with_retry_hint(&self, mut failure: Failure) -> Failure {
        if failure.kind == Kind::Task && self.args.key.is_some() {
            let retry = "submit it once more with: --retry-failed".to_owned();
            failure.hint = failure.full_hint(&[retry]);
        }
        failure
    }

    /// Returns the job, ready to be submitted.
    fn builder(
        &self,
        client: &Wavespeed,
        input: &Value,
        target: Option<&Target>,
        context: &Context,
    ) -> JobBuilder<Job> {
        let args = self.args;
        let input = RawInput::new(self.chosen.model.id, input.clone());
        let mut job = client
            .submit(input)
            .deadline(client.deadline())
            .check_media(!context.global.no_media_check)
            .adopt(!context.global.no_adopt)
            .refuse_running();
        for rule in &args.force_input {
            job = job.override_rule(*rule);
        }
        if let Some(model) = self.chosen.listed() {
            job = job.model_schema(model);
        }
        if let Some(target) = target {
            job = job.target(target.clone());
        }
        if let Some(key) = &args.key {
            job = job.key(key);
        }
        if let Some(usd) = args.max_price {
            job = job.max_price(usd);
        }
        if let Some(url) = &args.webhook {
            job = job.webhook(url);
        }
        if args.webhook_token {
            job = job.webhook_token();
        }
        if args.ignore_other_accounts {
            job = job.ignore_other_accounts();
        }
        match args.retry_failed {
            true => job.retry_failed(),
            false => job,
        }
    }

    async fn dry_run(
        &self,
        client: &Wavespeed,
        input: &Value,
        job: &JobBuilder<Job>,
    ) -> Result<Report, Failure> {
        let warnings = job
            .check()
            .await
            .map_err(|error| self.input_failure(error))?;
        let warnings = warnings.iter().map(FaultDocument::from).collect();
        let (webhook, max) = (self.args.webhook.as_deref(), self.args.max_price);
        let model = self.chosen.model;
        Ok(dry_run(client, model, input, webhook, max, warnings).await)
    }

    /// Returns the failure of a submit.
    fn failure(&self, error: SubmitError, has_journal: bool, report: &mut JobReport) -> Failure {
        match error {
            SubmitError::Duplicate { ref job, reason } => {
                report.document.duplicate_of = Some(job.number);
                let (number, output) = (job.number, &self.args.output.output);
                let failure = Failure::from(error);
                match output {
                    // The running job may have no output path, or another one.
                    Some(path) if reason == ExistingReason::Running => failure.hint(format!(
                        "save its outputs with: wave wait {number} -o {}; to submit another one, \
                         which is billed as well, give that a key of its own: --key KEY",
                        word(&path.to_string_lossy())
                    )),
                    _ => failure,
                }
            }
            SubmitError::Unknown(mut unknown) => {
                if !has_journal {
                    // The number is of the store in memory: in another process it is another job.
                    unknown.job = None;
                }
                SubmitError::Unknown(unknown).into()
            }
            error => self.input_failure(error),
        }
    }
}
