//! `wave webhook listen`: receives webhooks, says whose they are, and passes them on. For a machine
//! that the vendor cannot reach, it asks, and sends itself what the vendor would have sent.

use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use clap::ArgMatches;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use wavespeed::poll::RateLimits;
use wavespeed::reqwest::{Client, Url, redirect};
use wavespeed::webhook::{self, Event, SeenEvents, VerifyError};
use wavespeed::{
    AccountWatchError, FetchError, JobFilter, Prediction, PredictionId, Wavespeed, WebhookSecret,
};

use crate::context::Context;
use crate::output::document::Kind;
use crate::output::exit::Exit;
use crate::output::failure::Failure;
use crate::output::report::{Report, escape};
use crate::output::terminal;
use crate::wait_and_save::text;

/// The environment variable with the secret, if the key may not ask for it.
const SECRET: &str = "WAVESPEED_WEBHOOK_SECRET";
/// The longest body that is read, in bytes.
const LONGEST: usize = 10 << 20;
/// How many are passed on at once: one that comes back to this, by whatever way, comes no more often.
const AT_ONCE: usize = 64;
/// How long whom it is passed on to may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The time before each further try to pass on what was asked for.
const RETRIES: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
];
/// The headers that are of a connection, or made anew for it.
const HOP_BY_HOP: [HeaderName; 10] = [
    CONNECTION,
    CONTENT_LENGTH,
    HOST,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
];
/// How often the vendor's history is looked at for new tasks, unless it is said.
const LOOK: Duration = Duration::from_secs(5);

pub(super) async fn run(matches: &ArgMatches, context: &mut Context) -> Report {
    let ended = match matches.subcommand() {
        Some(("listen", matches)) => listen(matches, context).await,
        other => unreachable!("clap requires a command: {other:?}"),
    };
    ended.unwrap_or_else(Report::failed)
}

/// What each request is answered by.
struct Receiver {
    secret: WebhookSecret,
    /// Whether the secret is from the environment, and may be another key's.
    is_given: bool,
    seen: Mutex<SeenEvents>,
    turns: Semaphore,
    forward: Option<(Client, Url)>,
    json: bool,
    quiet: bool,
    /// What cannot be written to stdout any more ends the command.
    unread: UnboundedSender<io::Error>,
}

async fn listen(matches: &ArgMatches, context: &mut Context) -> Result<Report, Failure> {
    if context.global.emulate {
        let hint = "keep one running with `wave emulator`, and use its --base-url";
        return Err(Failure::usage("--emulate has nobody who could send a webhook").hint(hint));
    }
    let forward = matches.get_one::<Url>("forward-to").cloned();
    let (given, poll) = (given()?, matches.get_flag("poll"));
    // Who has the secret needs no key to listen: it need not be where the webhooks come in.
    let client = match given.is_none() || poll {
        true => context.client().await?,
        false => context.keyless()?,
    };
    let is_given = given.is_some();
    let secret = match given {
        Some(secret) => secret,
        None => asked(&client).await?,
    };
    let port = *matches.get_one::<u16>("port").expect("it has a default");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let taken = |error: io::Error| {
        Failure::usage(format!("cannot listen on 127.0.0.1:{port}: {error}"))
            .hint("take another --port, or 0 for any that is free")
    };
    let listener = listener.map_err(taken)?;
    let address = listener.local_addr().map_err(taken)?;
    if let Some(url) = forward.as_ref().filter(|url| is_own(url, address.port())) {
        let message =
            format!("--forward-to {url} is where this listens: it would go round for ever");
        return Err(Failure::usage(message).hint("name the address of the application"));
    }
    let http = http()?;
    let (unread, mut broken) = unbounded_channel();
    let receiver = Arc::new(Receiver {
        secret: secret.clone(),
        is_given,
        seen: Mutex::default(),
        turns: Semaphore::new(AT_ONCE),
        forward: forward.map(|url| (http.clone(), url)),
        json: context.global.json,
        quiet: context.global.quiet,
        unread,
    });
    if !context.global.quiet {
        terminal::note(&format!("listening on http://{address}/"));
    }
    let router = Router::new().fallback(receive).with_state(receiver);
    let served = async { axum::serve(listener, router).await };
    let asked = async {
        if !poll {
            return std::future::pending().await;
        }
        let look = context.global.mean_gap.unwrap_or(LOOK);
        let own = format!("http://{address}/");
        relay(&client, &secret, &http, &own, look, context.limits()).await
    };
    tokio::select! {
        Err(error) = served => Err(Failure::usage(format!("listening has ended: {error}"))),
        failure = asked => Err(failure),
        Some(error) = broken.recv() => match error.kind() {
            io::ErrorKind::BrokenPipe => Ok(Report::Stopped(Exit::Done)),
            _ => {
                let message = format!("an event could not be written to stdout: {error}");
                Err(Failure::new(Exit::NotSaved, Kind::Save, message)
                    .hint("it was passed on all the same, if it was to be"))
            }
        },
        else => Ok(Report::Stopped(Exit::Done)),
    }
}

/// The secret that is in the environment, if one is.
fn given() -> Result<Option<WebhookSecret>, Failure> {
    let Some(given) = std::env::var_os(SECRET).filter(|given| !given.is_empty()) else {
        return Ok(None);
    };
    let secret = given.to_str().and_then(WebhookSecret::new).map(Some);
    secret.ok_or_else(|| {
        Failure::usage(format!("{SECRET} is not a secret such as whsec_…"))
            .hint("take the one of the key, or leave it out: the key asks for it")
    })
}

/// Whether a URL is of this machine, and of a port.
fn is_own(url: &Url, port: u16) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    let is_here = address.map_or(host == "localhost", |address| address.is_loopback());
    is_here && url.port_or_known_default() == Some(port)
}

async fn asked(client: &Wavespeed) -> Result<WebhookSecret, Failure> {
    client.webhook_secret().await.map_err(|error| {
        let failure = Failure::asked("the secret of the webhooks", &error);
        match error {
            FetchError::Role(_) => failure.hint(format!(
                "use a key whose role may ask for it, or put the secret into the environment variable {SECRET}"
            )),
            _ => failure,
        }
    })
}

/// For what is passed on: as it came, wherever that leads, and nowhere else.
fn http() -> Result<Client, Failure> {
    let client = Client::builder()
        .timeout(PATIENCE)
        .redirect(redirect::Policy::none())
        .no_proxy();
    client.build().map_err(Failure::usage)
}

/// Answers one request. Whoever has sent it may leave before that: it is passed on and told all the
/// same.
async fn receive(State(receiver): State<Arc<Receiver>>, request: Request) -> (StatusCode, String) {
    let answered = tokio::spawn(async move { receiver.receive(request).await });
    answered.await.unwrap_or_else(|error| {
        let text = format!("{error}\n");
        (StatusCode::INTERNAL_SERVER_ERROR, text)
    })
}

/// What came of passing a request on.
enum Passed {
    Nowhere,
    Answered(StatusCode),
    Failed(String),
}

impl Passed {
    fn is_taken(&self) -> bool {
        match self {
            Self::Nowhere => true,
            Self::Answered(status) => status.is_success(),
            Self::Failed(_) => false,
        }
    }
}

/// The headers of a request, without those of the connection it came by.
fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    let named = headers.get_all(CONNECTION).iter();
    let named = named.filter_map(|names| names.to_str().ok());
    for name in named.flat_map(|names| names.split(',')) {
        kept.remove(name.trim());
    }
    for name in HOP_BY_HOP {
        kept.remove(name);
    }
    kept
}

impl Receiver {
    /// Takes a request for the vendor's or refuses it, says so, and passes it on.
    async fn receive(&self, request: Request) -> (StatusCode, String) {
        let (parts, body) = request.into_parts();
        if parts.method != Method::POST {
            let why = format!("it came by {}, and webhooks come by POST", parts.method);
            return self.refuse(StatusCode::METHOD_NOT_ALLOWED, &why);
        }
        let body = match to_bytes(body, LONGEST).await {
            Ok(body) => body,
            Err(error) if error.to_string().contains("length limit") => {
                return self.refuse(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "its body is longer than 10 MiB",
                );
            }
            Err(_) => return self.refuse(StatusCode::BAD_REQUEST, "its body breaks off"),
        };
        let verified = webhook::verify(&parts.headers, &body, &self.secret, SystemTime::now());
        let event = match verified {
            Ok(event) => event,
            Err(error @ VerifyError::Signature) if self.is_given => {
                let why = format!("{error}; is {SECRET} that of the key?");
                return self.refuse(StatusCode::UNAUTHORIZED, &why);
            }
            Err(error) => return self.refuse(StatusCode::UNAUTHORIZED, &error.to_string()),
        };
        let Ok(_turn) = self.turns.try_acquire() else {
            let why = format!("{AT_ONCE} others are being passed on; it will come again");
            return self.refuse(StatusCode::SERVICE_UNAVAILABLE, &why);
        };
        let is_new = self.seen().is_new(&event);
        let passed = self.pass_on(&parts, body).await;
        if !passed.is_taken() {
            self.seen().forget(&event);
        }
        if let Err(error) = self.tell(&event, is_new, &passed) {
            // The command ends with it.
            _ = self.unread.send(error);
        }
        match passed {
            Passed::Nowhere => (StatusCode::OK, String::new()),
            Passed::Answered(status) => (status, String::new()),
            Passed::Failed(_) => (StatusCode::BAD_GATEWAY, "nobody took it\n".into()),
        }
    }

    fn refuse(&self, status: StatusCode, why: &str) -> (StatusCode, String) {
        if !self.quiet {
            terminal::warning(&format!("a request was refused: {why}"));
        }
        (status, format!("{why}\n"))
    }

    fn seen(&self) -> MutexGuard<'_, SeenEvents> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn pass_on(&self, parts: &Parts, body: Bytes) -> Passed {
        let Some((http, url)) = &self.forward else {
            return Passed::Nowhere;
        };
        let mut url = url.clone();
        let queries = [url.query(), parts.uri.query()].into_iter().flatten();
        let query = queries.collect::<Vec<_>>().join("&");
        url.set_query(Some(&*query).filter(|query| !query.is_empty()));
        let headers = end_to_end(&parts.headers);
        match http.post(url).headers(headers).body(body).send().await {
            Ok(answer) => Passed::Answered(answer.status()),
            Err(error) => {
                let error = error.without_url();
                let sources =
                    std::iter::successors(Some(&error as &dyn std::error::Error), |error| {
                        error.source()
                    });
                Passed::Failed(sources.last().map(ToString::to_string).unwrap_or_default())
            }
        }
    }

    /// One line for each event.
    fn tell(&self, event: &Event, is_new: bool, passed: &Passed) -> io::Result<()> {
        let (record, at) = (&event.prediction, Timestamp::try_from(event.at));
        let at = at.map(|at| at.to_string()).unwrap_or_default();
        if let Passed::Failed(why) = passed {
            let id = &record.id;
            let why = format!("{id}: it could not be passed on ({why}); it will come again");
            terminal::warning(&why);
        }
        let (status, end) = match passed {
            Passed::Answered(status) => {
                (Some(status.as_u16()), format!("  -> {}", status.as_u16()))
            }
            Passed::Failed(_) => (None, "  -> not reached".to_owned()),
            Passed::Nowhere => (None, String::new()),
        };
        if !is_new && !self.json {
            if !self.quiet {
                let (id, event) = (&record.id, &event.id);
                terminal::note(&format!("{id}: came before, as {event}{end}"));
            }
            return Ok(());
        }
        let line = if self.json {
            let document = json!({
                "event": event.id,
                "at": at,
                "new": is_new,
                "passed_on": status,
                "prediction": record.raw(),
            });
            escape(&document.to_string())
        } else {
            let model = record.model.as_deref().unwrap_or("-");
            let outputs = record.outputs().iter().map(text).collect::<Vec<_>>();
            let said = record.error().into_iter().map(str::to_owned);
            let rest: Vec<String> = outputs.into_iter().chain(said).collect();
            terminal::clean(&format!(
                "{at}  {}  {}  {model}  {}{end}",
                record.id,
                record.status,
                rest.join(" ")
            ))
        };
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{line}")?;
        stdout.flush()
    }
}

/// Sends itself what the vendor would send of the account's tasks. Ends only for what waiting cannot
/// mend.
async fn relay(
    client: &Wavespeed,
    secret: &WebhookSecret,
    http: &Client,
    own: &str,
    look: Duration,
    limits: RateLimits,
) -> Failure {
    let mut ends = pin!(client.watch_account(look, limits));
    let mut sending = FuturesUnordered::new();
    loop {
        tokio::select! {
            Some(end) = ends.next() => match end {
                Ok(record) => {
                    let (id, body) = (format!("wh_{}", record.id), body(client, &record).await);
                    sending.push(send(http, own, secret, id, body));
                }
                Err(AccountWatchError::History(error @ (FetchError::Key(_) | FetchError::Role(_)))) => {
                    return Failure::asked("what tasks there are", &error);
                }
                Err(error) => terminal::warning(&error.to_string()),
            },
            Some(()) = sending.next(), if !sending.is_empty() => {}
        }
    }
}

/// The record, with the inputs if the journal has them, as the vendor sends it.
async fn body(client: &Wavespeed, record: &Prediction) -> String {
    let mut body = record.raw().clone();
    let id = record.id.parse::<PredictionId>();
    if let Ok(id) = id {
        let known = client.jobs(JobFilter::Id(&id)).await.unwrap_or_default();
        if let Some(job) = known.into_iter().next() {
            body["input"] = job.input;
        }
    }
    body.to_string()
}

/// Sends an event as the vendor would, and again if it is not taken.
async fn send(http: &Client, own: &str, secret: &WebhookSecret, id: String, body: String) {
    for wait in [Duration::ZERO].into_iter().chain(RETRIES) {
        tokio::time::sleep(wait).await;
        let mut headers = webhook::sign(secret, &id, SystemTime::now(), body.as_bytes());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let sent = http.post(own).headers(headers).body(body.clone());
        if sent
            .send()
            .await
            .is_ok_and(|answer| answer.status().is_success())
        {
            return;
        }
    }
    terminal::warning(&format!("{id} was not taken, and is given up"));
}
