//! The checks of an input before its submit.

use serde_json::Value;
use wavespeed::{Fault, Faults, Files, Rule, Target, Wavespeed, override_rules};

use crate::choose_model::Chosen;
use crate::context::Context;
use crate::output::document::FaultDocument;
use crate::output::exit::Exit;
use crate::output::failure::Failure;
use crate::output::job::JobReport;
use crate::output::terminal;

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

/// An input to check.
pub(super) struct Inputs<'a> {
    pub(super) chosen: Chosen,
    pub(super) input: &'a Value,
    /// The rules that the input may break.
    pub(super) overridden: &'a [Rule],
    /// The command that shows the inputs.
    pub(super) help: &'a str,
}

impl Inputs<'_> {
    /// Checks the input, its local files and the output path.
    pub(super) async fn check(
        &self,
        target: Option<&Target>,
        context: &mut Context,
        report: &mut JobReport,
    ) -> Result<(), Failure> {
        let files = match context.global.no_media_check {
            true => Files::UrlOrPathUnchecked,
            false => Files::UrlOrPath,
        };
        let mut faults = self.chosen.check(self.input, files);
        faults.extend(target_faults(target, self));
        let warnings = match self.refuse(faults) {
            Ok(warnings) => warnings,
            Err(failure) => return Err(with_missing_key(failure, context).await),
        };
        warn(&warnings, context, report);
        Ok(())
    }

    /// Checks the files behind URLs. An emulator does not fetch them.
    pub(super) async fn check_urls(
        &self,
        client: &Wavespeed,
        context: &Context,
        report: &mut JobReport,
    ) -> Result<(), Failure> {
        if context.global.no_media_check || context.global.emulate {
            return Ok(());
        }
        let faults = client.check_urls(self.chosen.model, self.input).await;
        warn(&self.refuse(faults)?, context, report);
        Ok(())
    }

    /// Returns the warnings among the faults, or an error if any fault is a refusal.
    fn refuse(&self, mut faults: Vec<Fault>) -> Result<Vec<Fault>, Failure> {
        override_rules(&mut faults, self.overridden);
        Faults::refused(faults).map_err(|faults| {
            let mut failure = Failure::input(faults.into());
            failure.hint = hint(&failure.faults, self.help);
            failure
        })
    }
}

/// Adds the error of a missing API key, which would be the next one.
async fn with_missing_key(mut failure: Failure, context: &mut Context) -> Failure {
    if context.global.emulate {
        return failure;
    }
    // This creates the client only to see whether it can be created.
    if let Err(other) = context.client().await {
        // The worse exit code counts.
        if Exit::from(other.kind) > failure.exit() {
            failure.kind = other.kind;
        }
        failure.also = Some(other.message.into());
    }
    failure
}

/// Prints the warnings about an input before anything is paid for.
fn warn(warnings: &[Fault], context: &Context, report: &mut JobReport) {
    let documents = warnings.iter().map(FaultDocument::from);
    report.document.warnings.extend(documents);
    if !context.global.quiet {
        for fault in warnings {
            terminal::input_warning(fault, report.model);
        }
    }
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

/// Returns the faults of an output path.
fn target_faults(target: Option<&Target>, inputs: &Inputs<'_>) -> Vec<Fault> {
    let Some(target) = target else {
        return Vec::new();
    };
    let overwrites = target.check_inputs(inputs.chosen.model, inputs.input);
    target.check().into_iter().chain(overwrites).collect()
}
