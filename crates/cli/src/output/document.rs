//! What `--json` prints: types of our own, so that the contract is a choice and not an accident.

use std::path::Path;
use std::time::SystemTime;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use wavespeed::poll::ScheduleCost;
use wavespeed::{Downloaded, JobRecord, Prediction, Quote, Uploaded, UsageSum, types};

/// What became of one job.
#[derive(Clone, Debug, Default, JsonSchema, Serialize)]
pub(crate) struct Document {
    /// The id of the task; null if none was created, or its id is not known.
    pub(crate) id: Option<String>,
    /// The local id of the job; null if there is no journal.
    pub(crate) job: Option<String>,
    /// Whether the id was found in the vendor's history, since the answer to the submit was lost:
    /// another client of the account could have made the task.
    pub(crate) reconciled: bool,
    /// The model submitted to, or the one the vendor names.
    pub(crate) model: Option<String>,
    /// The vendor's word for where the task stands.
    pub(crate) status: Option<String>,
    /// What the task made, in the vendor's order.
    pub(crate) outputs: Vec<Output>,
    /// What is odd about the input, though it was sent.
    pub(crate) warnings: Vec<FaultDocument>,
    /// The running job with the same model and input, which is billed as well; null if there is none.
    pub(crate) duplicate_of: Option<String>,
    /// What went wrong; null if nothing did.
    pub(crate) error: Option<ErrorDocument>,
    /// The vendor's record as it came, or its answer if no record could be read from it.
    pub(crate) raw: Option<Value>,
}

/// One output of a task.
#[derive(Clone, Debug, Default, JsonSchema, Serialize)]
pub(crate) struct Output {
    /// Where the vendor keeps it, for 7 days; null if the output is not a URL (see `raw`).
    pub(crate) url: Option<String>,
    /// Where it was saved; null if it was not.
    pub(crate) file: Option<String>,
    /// The length of the file.
    pub(crate) bytes: Option<u64>,
    /// The SHA-256 of the file, in lowercase hex.
    pub(crate) sha256: Option<String>,
}

/// What went wrong.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct ErrorDocument {
    /// What kind of error it is.
    pub(crate) kind: Kind,
    /// What went wrong, in a sentence.
    pub(crate) message: String,
    /// What to do now.
    pub(crate) hint: Option<String>,
    /// What is wrong with the input, for kind `input`.
    pub(crate) faults: Vec<FaultDocument>,
}

/// The kinds of errors.
#[derive(Clone, Copy, Debug, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// The command line is not understood.
    Usage,
    /// The input or the output path breaks a rule; nothing was sent.
    Input,
    /// The journal cannot be used; nothing was sent.
    Journal,
    /// There is no key, or it, its role or the credit was refused.
    Key,
    /// The same was submitted before, and nobody knows what came of it; nothing was submitted.
    Lost,
    /// It costs more than `--max-price`, or that is not known; nothing was submitted.
    Price,
    /// The vendor refused; nothing is billed.
    Refused,
    /// The vendor could not be reached; nothing is billed.
    Unreachable,
    /// The outcome of a submit is unknown.
    Unknown,
    /// The deadline came.
    Deadline,
    /// The task ended, but not as completed.
    Task,
    /// An output could not be saved.
    Save,
    /// A signal ended the command.
    Interrupted,
}

/// What is wrong with one input.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct FaultDocument {
    /// The input.
    pub(crate) field: String,
    /// The name of the rule it breaks.
    pub(crate) rule: String,
    /// The value.
    pub(crate) value: Value,
    /// What is wrong and how to mend it.
    pub(crate) message: String,
    /// What follows from it: `refusal`, `warning`, or `overridden` by `--force-input`.
    pub(crate) severity: String,
}

/// A file of `wave check`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct CheckDocument {
    /// Its path or URL.
    pub(crate) file: String,
    /// What kind of file it is, by its content; null if it could not be looked at.
    pub(crate) kind: Option<String>,
    /// Its size.
    pub(crate) bytes: Option<u64>,
    /// The length of its video, or else of its longest track.
    pub(crate) seconds: Option<f64>,
    /// The width of its video, as displayed.
    pub(crate) width: Option<u32>,
    /// The height of its video, as displayed.
    pub(crate) height: Option<u32>,
    /// The codec of its video.
    pub(crate) codec: Option<String>,
    /// What follows from its faults.
    pub(crate) verdict: Verdict,
    /// What stands against it.
    pub(crate) faults: Vec<FaultDocument>,
}

/// What follows from the faults of a file.
#[derive(Clone, Copy, Debug, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// There are none.
    Fine,
    /// There are only warnings.
    Odd,
    /// A run would refuse it.
    Refused,
}

impl Verdict {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Odd => "odd",
            Self::Refused => "refused",
        }
    }
}

/// What a task would cost, by `wave price`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct QuoteDocument {
    /// What is paid.
    pub(crate) price: f64,
    /// The price without a discount; null if there is none.
    pub(crate) undiscounted: Option<f64>,
    /// The currency.
    pub(crate) currency: String,
    /// The inputs that the vendor could not see: with them the charge can be higher.
    pub(crate) unseen: Vec<String>,
}

impl From<&Quote> for QuoteDocument {
    fn from(quote: &Quote) -> Self {
        Self {
            price: quote.price,
            undiscounted: quote.undiscounted,
            currency: quote.currency.clone(),
            unseen: quote.unseen.clone(),
        }
    }
}

/// How long tasks of a model take, and when they are asked about, by `wave stats`. Times are in
/// seconds.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct StatsDocument {
    /// The model.
    pub(crate) model: String,
    /// How long each of the last tasks took that were seen to be completed, the newest last.
    pub(crate) seen: Vec<f64>,
    /// How long tasks take, by what was seen and what is published; null if nothing is known.
    pub(crate) expected: Option<ExpectedDocument>,
    /// When a task is asked about, counted from its submit: the first of these times.
    pub(crate) asked_after: Vec<f64>,
    /// What that comes to.
    pub(crate) schedule: CostDocument,
    /// What a fixed interval comes to that notices an end as soon.
    pub(crate) fixed: CostDocument,
    /// What the vendor's own clients come to, which ask every second.
    pub(crate) every_second: CostDocument,
}

/// Of ten tasks, one takes less than the first of these times, and one more than the last.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct ExpectedDocument {
    /// A tenth takes less.
    pub(crate) tenth: f64,
    /// Half takes less.
    pub(crate) half: f64,
    /// Nine tenths take less.
    pub(crate) nine_tenths: f64,
}

/// What a way to ask costs.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct CostDocument {
    /// How often a task is asked about, on average.
    pub(crate) polls: f64,
    /// How late its end is noticed, on average.
    pub(crate) delay: f64,
}

impl From<ScheduleCost> for CostDocument {
    fn from(expected: ScheduleCost) -> Self {
        Self {
            polls: (expected.polls * 1_000.0).round() / 1_000.0,
            delay: seconds(expected.delay),
        }
    }
}

/// A time in seconds, to the millisecond.
pub(crate) fn seconds(time: std::time::Duration) -> f64 {
    (time.as_secs_f64() * 1_000.0).round() / 1_000.0
}

/// What a run would do, by `--dry-run`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct DryRunDocument {
    /// The request that would be sent.
    pub(crate) request: RequestDocument,
    /// What it would cost; null if the vendor does not say.
    pub(crate) quote: Option<QuoteDocument>,
    /// The credit that is left, in USD; null if the vendor does not say.
    pub(crate) balance: Option<f64>,
    /// What is odd about the input.
    pub(crate) warnings: Vec<FaultDocument>,
}

/// A submit.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct RequestDocument {
    /// Its method.
    pub(crate) method: String,
    /// Its URL.
    pub(crate) url: String,
    /// Its body; a local file stands as `<URL of PATH>`.
    pub(crate) body: Value,
    /// The same as a command line of curl, which takes the key from the environment.
    pub(crate) curl: String,
}

/// A job of `wave jobs`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct JobDocument {
    /// The number of the job.
    pub(crate) job: String,
    /// The vendor's id; null if it is not known.
    pub(crate) id: Option<String>,
    /// The model it was submitted to.
    pub(crate) model: String,
    /// How far it has come: `intended`, `unknown`, `rejected`, `submitted`, `ended` or `saved`.
    pub(crate) stage: &'static str,
    /// Whether there is something left to do.
    pub(crate) open: bool,
    /// Whether the id was found in the vendor's history.
    pub(crate) reconciled: bool,
    /// The last status that is known.
    pub(crate) status: Option<String>,
    /// When it was about to be sent: RFC 3339.
    pub(crate) at: String,
    /// The input, as it was sent.
    pub(crate) input: Value,
    /// Where its outputs are to be saved.
    pub(crate) target: Option<String>,
    /// The files its outputs were saved to.
    pub(crate) files: Vec<String>,
}

impl From<&JobRecord> for JobDocument {
    fn from(record: &JobRecord) -> Self {
        Self {
            job: record.number.to_string(),
            id: record.id.as_ref().map(ToString::to_string),
            model: record.model.to_string(),
            stage: record.stage.name(),
            open: record.is_open(),
            reconciled: record.adopted,
            status: record.status.as_ref().map(ToString::to_string),
            at: rfc3339(record.at),
            input: record.input.clone(),
            target: record.target.as_ref().map(|target| text(target.as_path())),
            files: record.files.iter().map(|path| text(path)).collect(),
        }
    }
}

/// A file of `wave upload`.
#[derive(Clone, Debug, Default, JsonSchema, Serialize)]
pub(crate) struct UploadDocument {
    /// The file, as it was named.
    pub(crate) file: String,
    /// Where the vendor's models find it; null if it was not uploaded.
    pub(crate) url: Option<String>,
    /// The length of the file.
    pub(crate) bytes: Option<u64>,
    /// The SHA-256 of the file, in lowercase hex.
    pub(crate) sha256: Option<String>,
    /// Whether it was sent now; false if the same bytes were sent before.
    pub(crate) sent: Option<bool>,
    /// Until when the vendor keeps it: RFC 3339.
    pub(crate) kept_until: Option<String>,
    /// What went wrong; null if nothing did.
    pub(crate) error: Option<ErrorDocument>,
}

impl From<&Uploaded> for UploadDocument {
    fn from(uploaded: &Uploaded) -> Self {
        Self {
            file: text(&uploaded.path),
            url: Some(uploaded.url.clone()),
            bytes: Some(uploaded.bytes),
            sha256: Some(uploaded.sha256.clone()),
            sent: Some(!uploaded.known),
            kept_until: Some(rfc3339(uploaded.kept_until)),
            error: None,
        }
    }
}

/// A model of `wave models`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct ModelDocument {
    /// The id.
    pub(crate) id: String,
    /// What the vendor calls it.
    pub(crate) name: String,
    /// What goes in and comes out.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// What the vendor says of it.
    pub(crate) description: String,
    /// The vendor's page.
    pub(crate) docs: Option<&'static str>,
}

/// A task of `wave history`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct TaskDocument {
    /// Its id.
    pub(crate) id: String,
    /// Where it stands.
    pub(crate) status: String,
    /// The id of its model.
    pub(crate) model: Option<String>,
    /// When it was created, in the vendor's words.
    pub(crate) created_at: Option<String>,
    /// The vendor's record as it came.
    pub(crate) raw: Value,
}

impl From<&Prediction> for TaskDocument {
    fn from(record: &Prediction) -> Self {
        Self {
            id: record.id.clone(),
            status: record.status.to_string(),
            model: record.model.clone(),
            created_at: record.created_at.clone(),
            raw: record.raw().clone(),
        }
    }
}

/// A record of `wave billings`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct BillingDocument {
    /// Its id.
    pub(crate) id: Option<String>,
    /// `deduct` or `refund`.
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    /// How much, in USD.
    pub(crate) price: Option<f64>,
    /// When, in the vendor's words.
    pub(crate) created_at: Option<String>,
    /// The id of the task.
    pub(crate) task: Option<String>,
    /// The id of its model.
    pub(crate) model: Option<String>,
}

impl From<&types::Billing> for BillingDocument {
    fn from(record: &types::Billing) -> Self {
        let task = record.prediction.as_ref();
        Self {
            id: record.uuid.clone(),
            kind: record.billing_type.clone(),
            price: record.price,
            created_at: record.created_at.clone(),
            task: task.and_then(|task| task.uuid.clone()),
            model: task.and_then(|task| task.model_uuid.clone()),
        }
    }
}

/// The sums of `wave usage`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct UsageDocument {
    /// From when: RFC 3339.
    pub(crate) since: String,
    /// Until when: RFC 3339.
    pub(crate) until: String,
    /// All of it.
    pub(crate) total: SumDocument,
    /// By model.
    pub(crate) models: Vec<SumDocument>,
    /// By day.
    pub(crate) days: Vec<SumDocument>,
}

/// A sum of tasks.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct SumDocument {
    /// The id of the model, the day, or `all`.
    pub(crate) of: String,
    /// How many tasks there were.
    pub(crate) tasks: Option<u64>,
    /// How many of them were completed.
    pub(crate) completed: Option<u64>,
    /// What was paid, in USD.
    pub(crate) paid: Option<f64>,
}

impl SumDocument {
    pub(crate) fn new(of: &str, sum: &UsageSum) -> Self {
        Self {
            of: of.to_owned(),
            tasks: sum.requests,
            completed: sum.completed,
            paid: sum.cost,
        }
    }
}

/// What came of `wave delete`.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
pub(crate) struct DeletedDocument {
    /// How many predictions were named.
    pub(crate) asked: u64,
    /// How many the vendor deleted.
    pub(crate) deleted: u64,
}

/// A voice of `wave voices`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct VoiceDocument {
    /// The value for `--voice-id`.
    pub(crate) id: String,
    /// What it is called, by language; a voice speaks the languages it has a name in.
    pub(crate) names: std::collections::BTreeMap<&'static str, &'static str>,
    /// Whether it is taken if none is named.
    pub(crate) default: bool,
}

impl Document {
    /// Takes over what the journal knows.
    pub(crate) fn set_job(&mut self, record: &JobRecord) {
        self.job = Some(record.number.to_string());
        self.id = record.id.as_ref().map(ToString::to_string);
        self.model = Some(record.model.to_string());
        self.reconciled = record.adopted;
        self.status = record.status.as_ref().map(ToString::to_string);
    }

    /// Takes over what the vendor's record says.
    pub(crate) fn set_record(&mut self, record: &Prediction) {
        self.id.get_or_insert_with(|| record.id.clone());
        self.model = record.model.clone().or(self.model.take());
        self.status = Some(record.status.to_string());
        self.outputs = record.outputs().iter().map(Output::from_record).collect();
        self.raw = Some(record.raw().clone());
    }

    /// Takes over an answer that is no record: an id may be in it that was not understood.
    pub(crate) fn set_answer(&mut self, body: &str) {
        if !body.is_empty() {
            self.raw = Some(serde_json::from_str(body).unwrap_or_else(|_| body.into()));
        }
    }

    /// Takes over what was saved.
    pub(crate) fn set_saved(&mut self, saved: &[Downloaded]) {
        for file in saved {
            let Some(output) = self.outputs.get_mut(file.number - 1) else {
                continue;
            };
            output.file = Some(text(&file.path));
            output.bytes = Some(file.bytes);
            output.sha256 = Some(file.sha256.clone());
        }
    }
}

impl Output {
    fn from_record(output: &Value) -> Self {
        Self {
            url: wavespeed::output_url(output).map(String::from),
            ..Self::default()
        }
    }
}

fn rfc3339(at: SystemTime) -> String {
    let at = jiff::Timestamp::try_from(at).unwrap_or_default();
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

pub(crate) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
