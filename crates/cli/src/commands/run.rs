//! `wave lipsync` and `wave run`: check, upload, submit, wait, save.

use std::path::PathBuf;

use clap::ArgMatches;
use futures_util::stream;
use serde_json::Value;
use wavespeed::{
    Deadline, Duplicate, Fault, Faults, Files, JobFilter, JobNumber, Model, ModelId, Rule,
    SubmitError, SubmitOptions, Target, UnknownOutcome, Wavespeed, check, local_files, nearest,
    override_rules,
};

use super::price::dry_run;
use super::resume::reconcile;
use crate::args;
use crate::args::inputs;
use crate::context::Context;
use crate::output::document::{FaultDocument, Kind};
use crate::output::exit::Exit;
use crate::output::failure::{Failure, reconcile_hint};
use crate::output::report::{Job, Report};
use crate::output::terminal::{self, Progress};
use crate::wait_and_save::{Task, WaitContext, finish};

pub(super) async fn run(
    name: &str,
    id: Option<&str>,
    matches: &ArgMatches,
    context: &mut Context,
) -> Report {
    let Some(id) = id else {
        return Report::failed(
            Failure::usage("no model is named").hint("see what there is: wave models"),
        );
    };
    let chosen = match choose(id, matches, context).await {
        Ok(chosen) => chosen,
        Err(failure) => return Report::failed(failure),
    };
    let model = chosen.model;
    let help = match name {
        "run" if wavespeed::model(id).is_none() => format!("wave schema {id} --live"),
        "run" => format!("wave run {id} --help"),
        _ => format!("wave {name} --help"),
    };
    let mut job = Job {
        model: Some(model),
        ..Job::default()
    };
    job.document.model = Some(model.id.to_owned());
    let done = attempt(chosen, &help, matches, context, &mut job).await;
    let job = match done {
        Ok(Some(report)) => return report,
        Ok(None) => job,
        // There is no way on to a task that ends with this process.
        Err(failure) if context.global.emulate && job.id().is_some() => {
            job.fail(failure.hint("an emulated task ends with this process"))
        }
        Err(failure) => job.fail(failure),
    };
    job.into()
}

/// A model, and by what its inputs are checked.
#[derive(Clone, Copy)]
pub(super) struct Chosen {
    pub(super) model: &'static Model,
    by: Source,
}

impl Chosen {
    /// What is wrong with an input of the model, as far as anybody here knows its inputs.
    pub(super) fn check(self, input: &Value, files: Files) -> Vec<Fault> {
        match self.by {
            Source::Unlisted => local_files(input),
            Source::Catalogue | Source::List => check(self.model, input, files),
        }
    }

    /// The model, if it is known what it takes.
    pub(super) fn known(self) -> Result<&'static Model, Failure> {
        let Self { model, by } = self;
        match by {
            Source::Catalogue | Source::List => Ok(model),
            Source::Unlisted => Err(Failure::usage(format!(
                "nobody here knows what files {} takes",
                model.id
            ))
            .hint("ask the vendor's own list: --live")),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Catalogue,
    /// The vendor's own list, as `--live` asks for.
    List,
    /// Nobody: the catalogue does not have the model.
    Unlisted,
}

/// The model of this id: of the catalogue, or of the vendor's list if that is asked for. One that the
/// catalogue does not have can be run all the same.
pub(super) async fn choose(
    id: &str,
    matches: &ArgMatches,
    context: &mut Context,
) -> Result<Chosen, Failure> {
    // Without a model the command line has no flags of one.
    let rest = matches.try_get_many::<String>("rest").ok().flatten();
    if let Some(first) = rest.and_then(|mut rest| rest.next())
        && id.parse::<ModelId>().is_ok()
    {
        let message = format!("{id} is not a model of the catalogue, so {first} is not known");
        let near = nearest(id, args::model_ids());
        let near = near.map_or(String::new(), |near| format!("did you mean {near}? "));
        let hint = format!("{near}The inputs of other models are given as -i name=value");
        return Err(Failure::usage(message).hint(hint));
    }
    let is_live = matches.try_get_one("live").ok().flatten() == Some(&true);
    if is_live {
        let list = context.live(Some(id)).await?;
        let by = Source::List;
        if let Some(model) = list.model(id) {
            return Ok(Chosen { model, by });
        }
        if list.entry(id).is_some() {
            let message = format!("the vendor's list says nothing of the inputs of {id}");
            let hint = "it can be run unchecked, without --live";
            return Err(Failure::usage(message).hint(hint));
        }
        let hint = match nearest(id, list.ids()) {
            Some(near) => format!("did you mean {near}? See what there is: wave models --live"),
            None => "see what there is: wave models --live".to_owned(),
        };
        return Err(Failure::usage(format!("the vendor's list has no model {id:?}")).hint(hint));
    }
    if let Some(model) = wavespeed::model(id) {
        let by = Source::Catalogue;
        return Ok(Chosen { model, by });
    }
    let near = nearest(id, args::model_ids());
    let near = near.map_or(String::new(), |near| format!("did you mean {near}? "));
    if id.parse::<ModelId>().is_err() {
        return Err(
            Failure::usage(format!("{id:?} is not a model of the catalogue"))
                .hint(format!("{near}See what there is: wave models")),
        );
    }
    if !context.global.quiet {
        terminal::warning(&format!(
            "{id} is not a model of the catalogue, so its inputs are not checked; {near}\
             --live checks them by the vendor's own list"
        ));
    }
    Ok(Chosen {
        model: Model::unknown(id),
        by: Source::Unlisted,
    })
}

async fn attempt(
    chosen: Chosen,
    help: &str,
    matches: &ArgMatches,
    context: &mut Context,
    job: &mut Job,
) -> Result<Option<Report>, Failure> {
    let target = target(matches);
    if target.is_some() && context.global.no_wait {
        return Err(
            Failure::usage("--no-wait leaves before there is anything for -o to save")
                .hint("save it later: wave wait ID -o FILE"),
        );
    }
    let files = if context.global.no_media_check {
        Files::UrlOrPathUnchecked
    } else {
        Files::UrlOrPath
    };
    let model = chosen.model;
    let given = inputs::read(model, matches)?;
    let overridden: Vec<Rule> = matches
        .get_many("force-input")
        .into_iter()
        .flatten()
        .copied()
        .collect();
    let sift = |mut faults: Vec<Fault>| {
        override_rules(&mut faults, &overridden);
        Faults::refused(faults).map_err(|faults| {
            let mut failure = Failure::input(faults.into());
            failure.hint = hint(&failure.faults, help);
            failure
        })
    };
    let mut faults = chosen.check(&given.input, files);
    faults.extend(target.as_ref().and_then(Target::check));
    faults.extend(
        target
            .as_ref()
            .and_then(|target| target.check_inputs(model, &given.input)),
    );
    let warnings = match sift(faults) {
        Ok(warnings) => warnings,
        Err(mut failure) => {
            // A missing key would be the next error, so it is told with the others.
            if !context.global.emulate
                && let Err(other) = context.client().await
            {
                failure.message = format!("{}; and {}", failure.message, other.message);
                failure.exit = failure.exit.max(other.exit);
            }
            return Err(failure);
        }
    };
    if !context.global.quiet {
        given.notes.iter().for_each(|note| terminal::note(note));
    }
    warn(&warnings, context, job);
    let client = context.client().await?;
    // An emulator fetches nothing.
    if !context.global.no_media_check && !context.global.emulate {
        let warnings = sift(client.check_urls(model, &given.input).await)?;
        warn(&warnings, context, job);
    }
    let webhook = matches.get_one::<String>("webhook").map(String::as_str);
    if let Some(url) = webhook {
        client.check_webhook(url)?;
    }
    let max_price = matches.get_one("max-price").copied();
    if matches.get_flag("dry-run") {
        let warnings = std::mem::take(&mut job.document.warnings);
        return Ok(Some(
            dry_run(&client, model, &given.input, webhook, max_price, warnings).await,
        ));
    }
    let mut options = SubmitOptions::new(client.deadline());
    options.target = target.as_ref();
    options.overridden = &overridden;
    options.max_price = max_price;
    options.webhook = webhook;
    options.model = Some(model).filter(|_| chosen.by == Source::List);
    submit(&client, model, given.input, &options, context, job).await?;
    Ok(None)
}

/// What is odd about the input is told before anything is paid for.
fn warn(warnings: &[Fault], context: &Context, job: &mut Job) {
    let documents = warnings.iter().map(FaultDocument::from);
    job.document.warnings.extend(documents);
    if !context.global.quiet {
        for fault in warnings {
            terminal::odd(fault, job.model);
        }
    }
}

/// The rules for files.
const MEDIA: [Rule; 8] = [
    Rule::Local,
    Rule::Container,
    Rule::Size,
    Rule::Whole,
    Rule::Track,
    Rule::Duration,
    Rule::Side,
    Rule::Reachable,
];

/// What helps with faults, beyond what each says itself.
fn hint(faults: &[Fault], help: &str) -> Option<String> {
    let refused: Vec<Rule> = faults
        .iter()
        .filter(|fault| fault.is_refusal())
        .map(|fault| fault.rule)
        .collect();
    let all = |rule: Rule| refused.iter().all(|refused| *refused == rule);
    if all(Rule::Output) {
        return Some(Failure::OUTPUT_HINT.to_owned());
    }
    if all(Rule::File) {
        return None;
    }
    let voices = faults
        .iter()
        .any(|fault| fault.field == "voice_id" && fault.rule == Rule::Choice);
    let list = if voices {
        "; every voice by: wave voices"
    } else {
        ""
    };
    let upload = if refused.contains(&Rule::Local) {
        "; to upload a file: wave upload FILE"
    } else {
        ""
    };
    // What the vendor takes of files changes, and its pages contradict each other.
    let force = match refused[..] {
        [rule] if MEDIA.contains(&rule) => {
            format!("; to send it all the same: --force-input {}", rule.name())
        }
        _ => String::new(),
    };
    Some(format!(
        "every input is shown by: {help}{list}{upload}{force}"
    ))
}

async fn submit(
    client: &Wavespeed,
    model: &'static Model,
    mut input: Value,
    options: &SubmitOptions<'_>,
    context: &Context,
    job: &mut Job,
) -> Result<(), Failure> {
    let (deadline, target) = (options.deadline, options.target);
    let progress = Progress::new(context.global.quiet);
    progress.show("uploading");
    let uploads = progress.upload(deadline);
    let uploaded = client.upload_inputs(model, &mut input, &uploads).await?;
    uploaded.iter().for_each(|file| progress.uploaded(file));
    match client.find_duplicate(model.id, &input).await? {
        Some(Duplicate::OutcomeUnknown(lost)) => {
            let number = lost.number;
            let message = format!(
                "{number} has the same input, and nobody knows what came of it: to submit it again could pay for it twice"
            );
            return Err(Failure::new(Exit::RefusedHere, Kind::Lost, message).hint(format!(
                "go on with it: wave resume {number}; to submit it all the same, forget it first: wave jobs forget {number}"
            )));
        }
        Some(Duplicate::Running(open)) => {
            let number = open.number;
            job.document.duplicate_of = Some(number.to_string());
            terminal::warning(&format!(
                "{number} has the same input and goes on; this is another task, and is billed, too: to go on with that one, wave resume {number}"
            ));
        }
        _ => {}
    }
    job.saves = target.is_some() && !context.global.no_journal && !context.global.emulate;
    progress.show("submitting");
    context.shared_jobs.set_submitting(Some(client));
    let submitted = client.submit_with(model.id, &input, options).await;
    if let Ok(submitted) = &submitted {
        accepted(submitted, &progress, context, job);
    }
    context.shared_jobs.set_submitting(None);
    let submitted = match submitted {
        Ok(submitted) => submitted,
        Err(SubmitError::Unknown(mut unknown)) => {
            job.document.set_answer(&unknown.body);
            let number = unknown.job;
            if context.global.no_journal {
                // It counts in this process only: elsewhere the number is another job's.
                unknown.job = None;
            }
            job.lost = Some(reconcile_hint(unknown.job));
            context.shared_jobs.update(0, job);
            let found = look(client, &unknown, number, deadline, &progress, context, job).await?;
            accepted(&found, &progress, context, job);
            found
        }
        Err(error) => return Err(error.into()),
    };
    if context.global.no_wait {
        job.lines.push(submitted.id().to_string());
        return Ok(());
    }
    let waiting = WaitContext {
        client,
        shared_jobs: &context.shared_jobs,
        progress: &progress,
        deadline,
        limits: context.limits(),
    };
    let id = submitted.id().clone();
    let task = Task {
        at: 0,
        task: submitted,
        target,
        job: std::mem::take(job),
    };
    let ends = finish(waiting, 1, stream::iter([task]), |end| end).await;
    let (task, finished) = ends
        .into_iter()
        .next()
        .expect("one came in, so one comes out");
    *job = task.job;
    if finished.is_ok() && target.is_none() && context.global.emulate && !context.global.quiet {
        drop(progress);
        terminal::note("the emulator ends now, and what it made with it; -o keeps it");
    }
    finished.map_err(|failure| failure.after_submit(&id))
}

/// The task exists: its id comes before anything else.
fn accepted(task: &wavespeed::Job, progress: &Progress, context: &Context, job: &mut Job) {
    progress.id(task.id().as_str());
    job.document.id = Some(task.id().to_string());
    job.document.job = task.number().map(|number| number.to_string());
    if let Some(error) = task.store_error() {
        job.notes.push(format!(
            "keep the id: it could not be written down ({error})"
        ));
    }
    if let Some(record) = task.submitted() {
        job.document.set_record(&record);
    }
    context.shared_jobs.update(0, job);
}

/// What came of a submit whose answer was lost, by the vendor's history.
async fn look(
    client: &Wavespeed,
    unknown: &UnknownOutcome,
    number: Option<JobNumber>,
    deadline: Deadline,
    progress: &Progress,
    context: &Context,
    job: &mut Job,
) -> Result<wavespeed::Job, Failure> {
    let failure = || Failure::from(SubmitError::Unknown(unknown.clone()));
    let Some(number) = number else {
        return Err(failure());
    };
    job.document.job = unknown.job.map(|number| number.to_string());
    let records = client.jobs(JobFilter::Number(number)).await?;
    let record = records.first().filter(|_| !context.global.no_adopt);
    let Some(record) = record else {
        return Err(failure());
    };
    progress.show("the answer was lost; looking for the task in the vendor's history");
    let found = reconcile(client, record, deadline, job).await;
    found.map_err(|mut other| {
        if unknown.job.is_none() {
            return failure();
        }
        other.message = format!("{unknown}; {}", other.message);
        other
    })
}

/// Where the outputs go, if they are to be saved.
pub(super) fn target(matches: &ArgMatches) -> Option<Target> {
    let path: &PathBuf = matches.get_one("output")?;
    Some(Target::new(path).force(matches.get_flag("force")))
}
