//! The command line: what there is to type.

pub(crate) mod inputs;

use std::time::Duration;

use clap::builder::styling::Styles;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use wavespeed::{CATALOGUE, Model, ModelId, Rule};
use wavespeed_emulator::Scenario;

use crate::commands::voices;
use crate::output::exit;

const KEY: &str = "\
The API key is taken from the environment variable WAVESPEED_API_KEY; --emulate needs none.";

/// What `wave lipsync` runs.
pub(crate) const LIPSYNC: &str = "kwaivgi/kling-lipsync/text-to-video";

/// The flags of `run` that take no value.
const SWITCHES: [&str; 11] = [
    "live",
    "no-journal",
    "no-adopt",
    "emulate",
    "allow-plain-http",
    "json",
    "quiet",
    "no-wait",
    "no-media-check",
    "dry-run",
    "force",
];

/// The whole command line. The flags of a model are there only for the one that is about to run,
/// so that a thousand models cost nothing.
pub(crate) fn command(model: Option<&'static Model>) -> Command {
    let lipsync =
        wavespeed::model(LIPSYNC).filter(|lipsync| model.is_none_or(|model| model == *lipsync));
    Command::new("wave")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A clip and a sentence in, a talking video out, on WaveSpeedAI")
        .after_help(format!("{KEY}\n\n{}", exit::HELP))
        .styles(Styles::styled())
        .subcommand_required(true)
        .arg_required_else_help(true)
                .disable_help_subcommand(true)
        .args(globals())
        .subcommand(with_model(
            Command::new("lipsync")
                .about("Make a clip speak a sentence (Kling lip-sync)")
                .after_help(example("wave lipsync --video clip.mp4 --text \"Hello\" -o out.mp4")),
            "lipsync",
            lipsync,
        ))
        .subcommand(with_model(
            Command::new("run")
                .about("Run a model; name it to see its inputs")
                .arg(Arg::new("model").value_name("MODEL").help("Its id, as `wave models` lists it, or any other of the vendor's"))
                .after_help(example("wave run kwaivgi/kling-lipsync/text-to-video --video clip.mp4 --text \"Hello\"")),
            "run <MODEL>",
            model,
        ))
        .subcommand(
            Command::new("wait")
                .about("Wait for tasks that were submitted before")
                .arg(ids())
                .args(files(SAVE))
                .after_help(example("wave wait 6488c2754f6f4dfea924382fa14d11bd -o out.mp4")),
        )
        .subcommand(
            Command::new("show")
                .about("Show a task as it is now")
                .arg(Arg::new("id").value_name("ID").required(true).help("The id that the submit printed"))
                .after_help(example("wave show 6488c2754f6f4dfea924382fa14d11bd --json")),
        )
        .subcommand(
            Command::new("download")
                .about("Save the outputs of tasks that are done")
                .arg(ids())
                .args(files("Where to save the outputs; here unless it is said"))
                .after_help(example("wave download 6488c2754f6f4dfea924382fa14d11bd -o videos/")),
        )
        .subcommand(
            Command::new("check")
                .about("Look at files and URLs as a run would, and say what stands against them")
                .arg(
                    Arg::new("file")
                        .value_name("FILE|URL")
                        .required(true)
                        .num_args(1..)
                        .help("Local files, or URLs, of which only the header is fetched"),
                )
                .arg(
                    Arg::new("model")
                        .long("model")
                        .value_name("MODEL")
                        .default_value(LIPSYNC)
                        .help("The model whose rules count"),
                )
                .arg(live())
                .after_help(example("wave check clip.mp4 https://example.com/clip.mp4")),
        )
        .subcommand(with_inputs(
            Command::new("price")
                .about("Ask what a run would cost; inputs that are missing are left out")
                .arg(Arg::new("model").value_name("MODEL").help("Its id, as `wave models` lists it"))
                .after_help(example("wave price kwaivgi/kling-lipsync/text-to-video --text \"Hello\"")),
            "price <MODEL>",
            model,
        ))
        .subcommand(
            Command::new("balance")
                .about("Show the credit that is left")
                .after_help(example("wave balance --json")),
        )
        .subcommand(upload())
        .subcommand(jobs())
        .subcommand(
            Command::new("resume")
                .about("Go on with jobs of the journal: find out what came of them, wait, save")
                .arg(ids().required(false).help("The jobs, by number or id; all that are open if none is named"))
                .arg(
                    Arg::new("all")
                        .long("all")
                        .action(ArgAction::SetTrue)
                        .conflicts_with("id")
                        .help("All that are open; the same as naming none"),
                )
                .arg(
                    Arg::new("adopt")
                        .long("adopt")
                        .value_name("ID")
                        .requires("id")
                        .conflicts_with("all")
                        .help("This task is what came of the job, by your word"),
                )
                .arg(
                    Arg::new("resubmit")
                        .long("resubmit")
                        .action(ArgAction::SetTrue)
                        .requires("id")
                        .conflicts_with_all(["adopt", "all"])
                        .help("Nothing came of the job, by your word: submit it again, and pay for it"),
                )
                .after_help(example("wave resume j17")),
        )
        .subcommand(
            Command::new("models")
                .about("List models: those of the catalogue, or all that the vendor has")
                .arg(
                    Arg::new("query")
                        .value_name("QUERY")
                        .num_args(0..)
                        .help("Words that its id, name or description has, all of them"),
                )
                .arg(
                    Arg::new("type")
                        .long("type")
                        .value_name("TYPE")
                        .help("Only of this type, such as text-to-video"),
                )
                .arg(
                    Arg::new("provider")
                        .long("provider")
                        .value_name("PROVIDER")
                        .help("Only of this provider, such as kwaivgi"),
                )
                .arg(live())
                .after_help(example("wave models lipsync --type text-to-video")),
        )
        .subcommand(
            Command::new("schema")
                .about("Show the inputs of a model; with --json, as a JSON Schema")
                .arg(Arg::new("model").value_name("MODEL").required(true).help("Its id, as `wave models` lists it"))
                .arg(live())
                .after_help(example("wave schema kwaivgi/kling-v1-tts --json")),
        )
        .subcommand(
            listing(
                Command::new("history")
                    .about("List the tasks that the vendor remembers, of 7 days, newest first")
                    .after_help(example("wave history --since 12h --status failed")),
            )
            .arg(
                Arg::new("status")
                    .long("status")
                    .value_name("STATUS")
                    .help("Only those that stand there, such as failed"),
            ),
        )
        .subcommand(
            Command::new("delete")
                .about("Delete the predictions of tasks that have ended, and their outputs, at the vendor")
                .arg(ids())
                .arg(
                    Arg::new("yes")
                        .long("yes")
                        .short('y')
                        .action(ArgAction::SetTrue)
                        .help("Do not ask"),
                )
                .arg(
                    Arg::new("force")
                        .long("force")
                        .action(ArgAction::SetTrue)
                        .help("Delete also what the journal has as open, unsaved"),
                )
                .after_help(example("wave delete 6488c2754f6f4dfea924382fa14d11bd --yes")),
        )
        .subcommand(
            period(Command::new("usage"))
                .about("Show how many tasks there were and what was paid, by model and by day")
                .after_help(example("wave usage --since 31d")),
        )
        .subcommand(
            Command::new("stats")
                .about("Show how long tasks of a model took here, and when they are asked about")
                .arg(Arg::new("model").value_name("MODEL").default_value(LIPSYNC).help("Its id"))
                .after_help(example("wave stats kwaivgi/kling-lipsync/text-to-video")),
        )
        .subcommand(
            listing(
                Command::new("billings")
                    .about("List what was paid and what came back")
                    .after_help(example("wave billings --type refund --since 7d")),
            )
            .arg(
                Arg::new("type")
                    .long("type")
                    .value_name("TYPE")
                    .value_parser(["deduct", "refund"])
                    .help("Only what was paid, or only what came back"),
            ),
        )
        .subcommand(
            Command::new("voices")
                .about("List the voices of lip-sync, and what they are called in each language")
                .arg(
                    Arg::new("language")
                        .long("language")
                        .value_name("LANGUAGE")
                        .value_parser(PossibleValuesParser::new(voices::languages()))
                        .help("Only the voices that speak it"),
                )
                .after_help(example("wave voices --language zh")),
        )
        .subcommand(webhook())
        .subcommand(emulator())
}

fn webhook() -> Command {
    const EXAMPLE: &str = "wave webhook listen --forward-to http://127.0.0.1:3000/hook";
    Command::new("webhook")
        .about("Receive the vendor's webhooks")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .after_help(example(EXAMPLE))
        .subcommand(
            Command::new("listen")
                .about("Receive webhooks, verify them, print a line for each, and pass them on")
                .arg(
                    Arg::new("port")
                        .long("port")
                        .value_name("N")
                        .default_value("8788")
                        .value_parser(value_parser!(u16))
                        .help("The port on 127.0.0.1; 0 takes any that is free"),
                )
                .arg(
                    Arg::new("forward-to")
                        .long("forward-to")
                        .value_name("URL")
                        .value_parser(http_url)
                        .help("Pass each on to there as it came, with its query; the status of the answer is the answer"),
                )
                .arg(
                    Arg::new("poll")
                        .long("poll")
                        .action(ArgAction::SetTrue)
                        .help("The vendor cannot reach this machine: ask for the account's tasks, and send itself what the vendor would send, with the inputs of those that the journal knows"),
                )
                .after_help(example(EXAMPLE))
                .after_long_help(format!(
                    "{}\n\nA tunnel or a proxy brings the vendor's requests here; a task names its \
                     public URL: wave lipsync … --webhook https://HOST/. The secret is asked for by \
                     the key, or taken from the environment variable WAVESPEED_WEBHOOK_SECRET, and needs no \
                     key then. With --json, each line is a JSON document. It listens until it is \
                     interrupted, whatever --timeout says.",
                    example(EXAMPLE)
                )),
        )
}

fn http_url(text: &str) -> Result<wavespeed::reqwest::Url, String> {
    let url = text.parse::<wavespeed::reqwest::Url>().ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https"));
    url.ok_or_else(|| "not a URL such as http://127.0.0.1:3000/hook".to_owned())
}

/// With a time and a model.
fn period(command: Command) -> Command {
    let moment = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name("TIME")
            .value_parser(moment)
            .help(help)
    };
    command
        .arg(moment(
            "since",
            "From this time on: an age such as 12h or 7d, a date, or RFC 3339",
        ))
        .arg(moment("until", "Up to this time"))
        .arg(
            Arg::new("model")
                .long("model")
                .value_name("MODEL")
                .help("Only of the model with this id"),
        )
}

/// With a time, a model, and how many.
fn listing(command: Command) -> Command {
    period(command).arg(
        Arg::new("limit")
            .long("limit")
            .value_name("N")
            .default_value("100")
            .value_parser(value_parser!(usize))
            .help("How many at most"),
    )
}

/// A time: an age such as `7d`, a date, or RFC 3339.
fn moment(text: &str) -> Result<jiff::Timestamp, String> {
    let days = text
        .strip_suffix('d')
        .and_then(|days| days.parse::<u32>().ok());
    let age = days.map(|days| Duration::from_secs(u64::from(days) * 24 * 60 * 60));
    let age = age.or_else(|| duration(text).ok());
    let then = age.and_then(|age| jiff::Timestamp::now().checked_sub(age).ok());
    let date = || {
        let date: jiff::civil::Date = text.parse().ok()?;
        Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    };
    let stamp = text.parse().ok();
    let time = then.or(stamp).or_else(date);
    time.ok_or_else(|| "not a time; give an age such as 12h or 7d, a date, or RFC 3339".to_owned())
}

/// What is not understood, for a better word on it than clap has.
fn rest() -> Arg {
    Arg::new("rest")
        .num_args(0..)
        .trailing_var_arg(true)
        .allow_hyphen_values(true)
        .hide(true)
}

fn live() -> Arg {
    Arg::new("live")
        .long("live")
        .action(ArgAction::SetTrue)
        .help("Ask for the vendor's own list of models; it is kept for an hour")
}

fn example(line: &str) -> String {
    format!("Example: {line}")
}

/// With the inputs of a model.
fn with_inputs(command: Command, words: &str, model: Option<&'static Model>) -> Command {
    let Some(model) = model else {
        // Which model is meant is not known, so whatever follows is not understood either.
        return command.args(inputs::sources()).arg(live()).arg(rest());
    };
    let page = model.docs.map_or(String::new(), |page| format!("\n{page}"));
    if model.name.is_empty() {
        let about = format!(
            "{}\nIt is not in the catalogue: its inputs are given by -i or --input.",
            model.id
        );
        let command = command.long_about(about).args(inputs::sources());
        return command.arg(live()).arg(rest());
    }
    command
        .long_about(format!(
            "{} ({})\n{}{page}",
            model.name, model.id, model.about
        ))
        .override_usage(format!("wave {words} {}[OPTIONS]", inputs::usage(model)))
        .args(inputs::flags(model))
        .args(inputs::sources())
        .arg(live())
}

/// With the inputs of a model, and what a run of it can be told.
fn with_model(command: Command, words: &str, model: Option<&'static Model>) -> Command {
    let command = with_inputs(command, words, model);
    if model.is_none() {
        return command;
    }
    command
        .args(files(SAVE))
        .arg(
            Arg::new("force-input")
                .long("force-input")
                .value_name("RULE")
                .action(ArgAction::Append)
                .value_parser(overridable())
                .help("Send an input that breaks this rule all the same; may be repeated"),
        )
        .arg(
            Arg::new("dry-run")
                .long("dry-run")
                .action(ArgAction::SetTrue)
                .help("Check, show the request and its price, and submit nothing"),
        )
        .arg(
            Arg::new("webhook")
                .long("webhook")
                .value_name("URL")
                .help("Where the vendor is to report the end of the task; see wave webhook listen"),
        )
        .arg(
            Arg::new("max-price")
                .long("max-price")
                .value_name("USD")
                .value_parser(amount)
                .help("Submit only if the vendor's price is not above this"),
        )
}

/// The standard deviation of a logarithm.
fn spread(text: &str) -> Result<f64, String> {
    let spread = text
        .parse()
        .ok()
        .filter(|spread| (0.0..=3.0).contains(spread));
    spread.ok_or_else(|| "not a number from 0 to 3, such as 0.4".to_owned())
}

/// An amount of money.
fn amount(text: &str) -> Result<f64, String> {
    let amount = text
        .parse()
        .ok()
        .filter(|amount: &f64| amount.is_finite() && *amount >= 0.0);
    amount.ok_or_else(|| "not an amount of US dollars, such as 0.25".to_owned())
}

/// The rules that can be overridden, by name.
fn overridable() -> impl TypedValueParser<Value = Rule> {
    let rules = || Rule::ALL.iter().filter(|rule| rule.can_be_overridden());
    PossibleValuesParser::new(rules().map(|rule| rule.name())).map(move |name| {
        let named = rules().find(|rule| rule.name() == name);
        *named.expect("it is one of the possible values")
    })
}

fn ids() -> Arg {
    Arg::new("id")
        .value_name("ID")
        .required(true)
        .num_args(1..)
        .help("The ids that the submits printed, or numbers of jobs such as j17")
}

const SAVE: &str = "Save the outputs; without it their URLs are printed";

fn files(output: &'static str) -> [Arg; 2] {
    [
        Arg::new("output")
            .short('o')
            .long("output")
            .value_name("FILE|DIR/")
            .value_parser(value_parser!(std::path::PathBuf))
            .help(output),
        Arg::new("force")
            .long("force")
            .action(ArgAction::SetTrue)
            .help("Replace a file that exists"),
    ]
}

fn upload() -> Command {
    Command::new("upload")
        .about("Upload files, and print their URLs; the same bytes are sent once in 7 days")
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required(true)
                .num_args(1..)
                .value_parser(value_parser!(std::path::PathBuf))
                .help("The files"),
        )
        .arg(
            Arg::new("again")
                .long("again")
                .action(ArgAction::SetTrue)
                .help(
                    "Send them even if they were sent before; the new URLs are used from then on",
                ),
        )
        .after_help(example("wave upload clip.mp4"))
}

fn jobs() -> Command {
    let number = || {
        Arg::new("id")
            .value_name("JOB")
            .required(true)
            .num_args(1..)
            .help("Numbers or ids of jobs")
    };
    Command::new("jobs")
        .about("List what the journal remembers, oldest first")
        .arg(
            Arg::new("open")
                .long("open")
                .action(ArgAction::SetTrue)
                .help("Only jobs with something left to do"),
        )
        .subcommand(
            Command::new("show")
                .about("Show a job with its input")
                .arg(number())
                .after_help(example("wave jobs show j17")),
        )
        .subcommand(
            Command::new("forget")
                .about("Remove a job from the journal; its task goes on")
                .arg(number())
                .after_help(example("wave jobs forget j17")),
        )
        .after_help(example("wave jobs --open"))
}

fn emulator() -> Command {
    Command::new("emulator")
        .about("Run the vendor's API on this machine, for tests and trials")
        .arg(
            Arg::new("port")
                .long("port")
                .value_name("N")
                .default_value("0")
                .value_parser(value_parser!(u16))
                .help("The port on 127.0.0.1; 0 takes any that is free"),
        )
        .arg(
            Arg::new("api-key")
                .long("api-key")
                .value_name("KEY")
                .default_value("emulator")
                .help("The key it accepts"),
        )
        .arg(
            Arg::new("task-time")
                .long("task-time")
                .value_name("TIME")
                .default_value("2s")
                .value_parser(duration)
                .help("How long a task takes"),
        )
        .arg(
            Arg::new("task-spread")
                .long("task-spread")
                .value_name("SIGMA")
                .default_value("0")
                .value_parser(spread)
                .help("How much the times of tasks differ: 0.4 is much, 0 not at all"),
        )
        .arg(
            Arg::new("scenario")
                .long("scenario")
                .value_name("FILE")
                .value_parser(value_parser!(std::path::PathBuf))
                .help("Faults to commit, one a line: `submit once lose-answer`, `result first 3 status 503`; --help has the language"),
        )
        .after_help(example("wave emulator --port 8787 --task-time 10s"))
        .after_long_help(format!(
            "{}\n\nScenarios\n\n{}",
            example("wave emulator --port 8787 --task-time 10s"),
            Scenario::LANGUAGE
        ))
}

fn globals() -> Vec<Arg> {
    let flag = |name: &'static str| {
        Arg::new(name)
            .long(name)
            .global(true)
            .help_heading("Global options")
    };
    let switch = |name| flag(name).action(ArgAction::SetTrue);
    vec![
        switch("emulate").help(
            "Use an emulator in this process: no key, no cost; its tasks end with the process",
        ),
        flag("base-url")
            .value_name("URL")
            .help("Where the API is [env: WAVESPEED_BASE_URL]"),
        switch("allow-plain-http").help("Let the key go over plain http to another machine"),
        switch("json").help("Print one JSON document, whatever happens"),
        switch("quiet").help("Print nothing to stderr but ids and errors"),
        flag("timeout")
            .allow_negative_numbers(true)
            .value_name("TIME")
            .value_parser(duration)
            .default_value("1h")
            .help("How long everything after the local checks may take: 90s, 20m, or 0 for ever"),
        flag("poll-interval")
            .allow_negative_numbers(true)
            .value_name("TIME")
            .value_parser(interval)
            .default_value("1s")
            .help("The shortest time between two polls"),
        flag("mean-gap")
            .allow_negative_numbers(true)
            .value_name("TIME")
            .value_parser(interval)
            .help("The mean time between two polls of a task, less for less delay: 5s for videos and 2s for the rest, unless set"),
        flag("polls-per-minute")
            .allow_negative_numbers(true)
            .value_name("N")
            .value_parser(polls)
            .default_value("6000")
            .help("The most polls in a minute, of all tasks of this command together"),
        flag("settle-time")
            .allow_negative_numbers(true)
            .value_name("TIME")
            .value_parser(duration)
            .default_value("10s")
            .help("How long a lost submit is looked for in the vendor's history"),
        flag("journal")
            .value_name("PATH")
            .value_parser(value_parser!(std::path::PathBuf))
            .help("Where submits are written down [env: WAVESPEED_JOURNAL]"),
        switch("no-journal")
            .conflicts_with("journal")
            .help("Write nothing down: what a crash loses is lost"),
        switch("no-adopt").help("Do not look for a lost submit in the vendor's history by itself"),
        switch("no-wait").help("Print the id and leave once the task is submitted"),
        switch("no-media-check")
            .help("Do not look at what files and URLs are before they are used"),
    ]
}

/// A duration such as `90s`, `20m`, `1h 30m` or `0`.
fn duration(text: &str) -> Result<Duration, String> {
    if text.trim() == "0" {
        return Ok(Duration::ZERO);
    }
    let parsed = text
        .parse::<jiff::SignedDuration>()
        .ok()
        .and_then(|parsed| Duration::try_from(parsed).ok());
    parsed.ok_or_else(|| "not a duration; give it a unit, as in 90s, 20m or 1h".to_owned())
}

fn polls(text: &str) -> Result<u32, String> {
    let polls = text
        .parse()
        .ok()
        .filter(|polls| (1..=1_000_000).contains(polls));
    polls.ok_or_else(|| "not a whole number from 1 to 1000000".to_owned())
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn interval(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("must be longer than 0".to_owned()),
        interval if interval > DAY => Err("must be a day (24h) at most".to_owned()),
        interval => Ok(interval),
    }
}

/// The model that a command line is going to run: that of `lipsync`, or for `run` the first word
/// that is the id of one and not the value of a flag.
pub(crate) fn model_in(words: &[std::ffi::OsString]) -> Option<&'static Model> {
    let words: Vec<&str> = words
        .iter()
        .skip(1)
        .map(|word| word.to_str().unwrap_or_default())
        .collect();
    let at = words
        .iter()
        .position(|word| matches!(*word, "lipsync" | "run" | "price"))?;
    if words[at] == "lipsync" {
        return wavespeed::model(LIPSYNC);
    }
    let mut before = "run";
    let positional = words[at + 1..].iter().filter(|word| {
        let flag = before.strip_prefix("--").filter(|flag| !flag.contains('='));
        let is_value =
            flag.is_some_and(|flag| !SWITCHES.contains(&flag)) || matches!(before, "-o" | "-i");
        before = word;
        !is_value && !word.starts_with('-')
    });
    let positional: Vec<&&str> = positional.collect();
    let known = positional.iter().find_map(|word| wavespeed::model(word));
    known.or_else(|| {
        let id = positional
            .iter()
            .find_map(|word| word.parse::<ModelId>().ok())?;
        Some(Model::unknown(id.as_str()))
    })
}

/// The flags that every command takes.
pub(crate) struct Global {
    pub(crate) emulate: bool,
    pub(crate) base_url: Option<String>,
    pub(crate) allow_plain_http: bool,
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) poll_interval: Duration,
    pub(crate) mean_gap: Option<Duration>,
    pub(crate) polls_per_minute: u32,
    pub(crate) settle_time: Duration,
    pub(crate) journal: Option<std::path::PathBuf>,
    pub(crate) no_journal: bool,
    pub(crate) no_adopt: bool,
    pub(crate) no_wait: bool,
    pub(crate) no_media_check: bool,
}

impl From<&ArgMatches> for Global {
    fn from(matches: &ArgMatches) -> Self {
        let time = |name| *matches.get_one::<Duration>(name).expect("it has a default");
        Self {
            emulate: matches.get_flag("emulate"),
            base_url: matches.get_one("base-url").cloned(),
            allow_plain_http: matches.get_flag("allow-plain-http"),
            json: matches.get_flag("json"),
            quiet: matches.get_flag("quiet"),
            timeout: Some(time("timeout")).filter(|timeout| !timeout.is_zero()),
            poll_interval: time("poll-interval"),
            mean_gap: matches.get_one("mean-gap").copied(),
            polls_per_minute: *matches
                .get_one("polls-per-minute")
                .expect("it has a default"),
            settle_time: time("settle-time"),
            journal: matches.get_one("journal").cloned(),
            no_journal: matches.get_flag("no-journal"),
            no_adopt: matches.get_flag("no-adopt"),
            no_wait: matches.get_flag("no-wait"),
            no_media_check: matches.get_flag("no-media-check"),
        }
    }
}

/// The ids of all models, for the one that is nearest to a misspelt one.
pub(crate) fn model_ids() -> impl Iterator<Item = &'static str> {
    CATALOGUE.iter().map(|model| model.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command(None).debug_assert();
        for model in CATALOGUE.iter() {
            command(Some(model)).debug_assert();
        }
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in command(None).get_subcommands() {
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(
                help.starts_with(&format!("Example: wave {}", command.get_name())),
                "{}",
                command.get_name()
            );
        }
    }

    /// The generator gives an input another flag if its name stands in the list, so the list has to
    /// know every flag that stands beside the inputs of a model.
    #[test]
    fn every_flag_beside_the_inputs_is_reserved() {
        let reserved = include_str!("../../reserved-flags.txt");
        let reserved: Vec<&str> = reserved.lines().map(str::trim).collect();
        for model in CATALOGUE.iter() {
            let mut command = command(Some(model));
            command.build();
            let run = command.find_subcommand("run").unwrap();
            let is_input = |arg: &&Arg| arg.get_id().as_str().starts_with(inputs::INPUT);
            let ours = || run.get_arguments().filter(|arg| !is_input(arg));
            let missing: Vec<&str> = ours()
                .filter_map(Arg::get_long)
                .filter(|flag| !reserved.contains(flag))
                .collect();
            assert!(
                missing.is_empty(),
                "{missing:?}: add these to reserved-flags.txt"
            );
            let switches: Vec<&str> = ours()
                .filter(|arg| matches!(arg.get_action(), ArgAction::SetTrue))
                .filter_map(Arg::get_long)
                .collect();
            assert!(
                switches.iter().all(|switch| SWITCHES.contains(switch)),
                "{switches:?}"
            );
        }
    }

    #[test]
    fn the_model_is_found_among_values() {
        let found = |line: &str| {
            let words: Vec<_> = line.split(' ').map(std::ffi::OsString::from).collect();
            model_in(&words).map(|model| model.id)
        };
        assert_eq!(found("wave lipsync --text hi"), Some(LIPSYNC));
        assert_eq!(
            found(&format!("wave --json run {LIPSYNC} --text hi")),
            Some(LIPSYNC)
        );
        assert_eq!(
            found(&format!("wave run --text hi {LIPSYNC}")),
            Some(LIPSYNC)
        );
        assert_eq!(found(&format!("wave run --json {LIPSYNC}")), Some(LIPSYNC));
        assert_eq!(found(&format!("wave run --text {LIPSYNC}")), None);
        assert_eq!(found(&format!("wave show {LIPSYNC}")), None);
        assert_eq!(found("wave run"), None);
    }

    #[test]
    fn durations_are_read() {
        let seconds = |text| duration(text).map(|time| time.as_secs());
        assert_eq!(seconds("90s"), Ok(90));
        assert_eq!(seconds("20m"), Ok(1200));
        assert_eq!(seconds("1h 30m"), Ok(5400));
        assert_eq!(seconds("0"), Ok(0));
        for bad in ["", "90", "-1s", "soon", "1y"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert!(interval("0").is_err());
    }
}
