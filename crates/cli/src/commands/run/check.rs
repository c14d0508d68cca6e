//! A run of a model, and the failure of an input that breaks rules.

use serde_json::Value;
use wavespeed::{Fault, Faults, Files, Rule, SubmitError, Target, override_rules};

use crate::args::model::RunArgs;
use crate::choose_model::Chosen;
use crate::context::Context;
use crate::output::exit::Exit;
use crate::output::failure::Failure;

/// The rules that concern the content of files. The vendor changes its limits for files, and its pages
/// contradict each other, so a refusal names its override.
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

/// A run of a model.
pub(super) struct Run<'a> {
    pub(super) chosen: Chosen,
    /// The command that shows the inputs.
    pub(super) help: &'a str,
    pub(super) args: &'a RunArgs,
}

impl Run<'_> {
    /// Returns the failure of a check, with a hint for the faults of an input.
    pub(super) fn input_failure(&self, error: SubmitError) -> Failure {
        match error {
            SubmitError::Invalid(faults) => self.faults_failure(faults),
            error => error.into(),
        }
    }

    fn faults_failure(&self, faults: Faults) -> Failure {
        let mut failure = Failure::input(faults.into());
        failure.hint = hint(&failure.faults, self.help);
        failure
    }
}

/// Adds the faults of an input to the reason why there is no client, so that both are reported together.
pub(super) fn check_without_client(
    run: &Run<'_>,
    input: &Value,
    context: &Context,
    no_client: Failure,
) -> Failure {
    let files = match context.global.no_media_check {
        true => Files::UrlOrPathUnchecked,
        false => Files::UrlOrPath,
    };
    let target = run.args.output.target();
    let mut faults = run.chosen.check(input, files);
    faults.extend(target.as_ref().and_then(Target::check));
    let overwrites = |target: &Target| target.check_inputs(run.chosen.model, input);
    faults.extend(target.as_ref().and_then(overwrites));
    override_rules(&mut faults, &run.args.force_input);
    let Err(faults) = Faults::refused(faults) else {
        return no_client;
    };
    let mut failure = run.faults_failure(faults);
    // The worse exit code counts.
    if Exit::from(no_client.kind) > failure.exit() {
        failure.kind = no_client.kind;
    }
    failure.also = Some(no_client.message);
    failure
}

/// Returns the hint for faults, beyond what each fault says itself.
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
    // The message about a missing file says everything.
    if all(Rule::File) {
        return None;
    }
    let is_voice = |fault: &Fault| fault.field == "voice_id" && fault.rule == Rule::Choice;
    let voices = match faults.iter().any(is_voice) {
        true => "; list the voices with: wave voices",
        false => "",
    };
    let upload = match refused.contains(&Rule::Local) {
        true => "; upload a file with: wave upload FILE",
        false => "",
    };
    // With several faults, an override of one would not help.
    let force = match refused[..] {
        [rule] if MEDIA.contains(&rule) => {
            format!(
                "; submit it despite this with: --force-input {}",
                rule.name()
            )
        }
        _ => String::new(),
    };
    Some(format!(
        "show the inputs with: {help}{voices}{upload}{force}"
    ))
}
