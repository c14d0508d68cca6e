//! `wave webhook listen`: receives webhooks, verifies them, prints a line for each, and forwards them.
//! With `--poll`, for a machine that the vendor cannot reach, it polls the account's jobs and sends
//! itself the webhooks that the vendor would send.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::unbounded_channel;
use wavespeed::reqwest::{Client, Url, redirect};
use wavespeed::{FetchError, Wavespeed, WebhookSecret};

use super::forward::{MAX_FORWARDS, Receiver, SECRET, Secret, receive};
use super::poll_webhooks::{Poller, poll};
use crate::args::server::{ListenArgs, WebhookArgs, WebhookCommand};
use crate::context::Context;
use crate::output::document::Kind;
use crate::output::exit::Exit;
use crate::output::failure::Failure;
use crate::output::report::Report;

/// The timeout of a forwarded webhook.
const FORWARD_TIMEOUT: Duration = Duration::from_secs(30);
/// The time between two looks at the vendor's history for new jobs, without `--mean-gap`.
const HISTORY_INTERVAL: Duration = Duration::from_secs(5);

pub(super) async fn webhook(args: &WebhookArgs, context: &mut Context) -> Result<Report, Failure> {
    match &args.command {
        WebhookCommand::Listen(args) => listen(args, context).await,
    }
}

async fn listen(args: &ListenArgs, context: &mut Context) -> Result<Report, Failure> {
    if context.global.emulate {
        let hint = "keep an emulator running with wave emulator, and use its --base-url";
        return Err(Failure::usage("--emulate sends no webhooks").hint(hint));
    }
    // A wrong API key or secret is an error here, and not with the first webhook.
    let (client, secret) = secret(args.poll, context).await?;
    // The port is bound before anything else is set up: with port 0, the URL depends on it.
    let (listener, address) = bind(args.port).await?;
    if let Some(url) = &args.forward_to {
        check_forward(url, address.port())?;
    }
    let http = http()?;
    let (unwritten, mut broken) = unbounded_channel();
    let forward = args.forward_to.clone().map(|url| (http.clone(), url));
    let receiver = Receiver {
        client: client.clone(),
        secret: secret.clone(),
        seen: Mutex::default(),
        forwards: Semaphore::new(MAX_FORWARDS),
        forward,
        json: context.global.json,
        quiet: context.global.quiet,
        unwritten,
    };
    context.note(&format!("listening on http://{address}/"));
    let router = Router::new()
        .fallback(receive)
        .with_state(Arc::new(receiver));
    let served = async { axum::serve(listener, router).await };
    let polled = async {
        if !args.poll {
            return std::future::pending().await;
        }
        let poller = Poller {
            client: &client,
            secret: &secret.value,
            http: &http,
            url: format!("http://{address}/"),
            interval: context.global.mean_gap.unwrap_or(HISTORY_INTERVAL),
            limits: context.limits(),
        };
        poll(poller).await
    };
    // None of these ends in normal operation: a signal stops the command.
    tokio::select! {
        Err(error) = served => Err(Failure::usage(format!("the server has ended: {error}"))),
        failure = polled => Err(failure),
        Some(error) = broken.recv() => not_written(&error),
        else => Ok(Report::Stopped(Exit::Done)),
    }
}

/// Returns the client and the secret of the webhooks. With the secret in the environment, no API key is
/// needed to listen: the machine that receives the webhooks need not have it.
async fn secret(poll: bool, context: &mut Context) -> Result<(Wavespeed, Secret), Failure> {
    let given = given_secret()?;
    let client = match given.is_none() || poll {
        true => context.client().await?,
        false => context.keyless_with_journal()?,
    };
    let secret = match given {
        Some(value) => Secret {
            value,
            is_given: true,
        },
        None => Secret {
            value: fetch_secret(&client).await?,
            is_given: false,
        },
    };
    Ok((client, secret))
}

/// Returns the secret of the environment.
fn given_secret() -> Result<Option<WebhookSecret>, Failure> {
    let Some(given) = std::env::var_os(SECRET).filter(|given| !given.is_empty()) else {
        return Ok(None);
    };
    let secret = given.to_str().and_then(WebhookSecret::new).map(Some);
    secret.ok_or_else(|| {
        Failure::usage(format!("{SECRET} is not a secret such as whsec_…"))
            .hint("use the secret of the API key, or unset the variable: the API key can read it")
    })
}

async fn fetch_secret(client: &Wavespeed) -> Result<WebhookSecret, Failure> {
    client.webhook_secret().await.map_err(|error| {
        let failure = Failure::asked("the secret of the webhooks", &error);
        match error {
            FetchError::Role(_) => failure.hint(format!(
                "use a key whose role permits this call, or put the secret into the environment \
                 variable {SECRET}"
            )),
            _ => failure,
        }
    })
}

async fn bind(port: u16) -> Result<(TcpListener, SocketAddr), Failure> {
    let bound = async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        Ok::<_, io::Error>((listener, address))
    };
    bound.await.map_err(|error| {
        Failure::usage(format!("cannot listen on 127.0.0.1:{port}: {error}"))
            .hint("use another --port, or 0 for a free one")
    })
}

/// Refuses to forward webhooks to this command itself, which would never end.
fn check_forward(url: &Url, port: u16) -> Result<(), Failure> {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    // A host name other than localhost is not resolved: a loop through another name is limited by
    // the number of forwards.
    let is_here = address.map_or(host == "localhost", |address| address.is_loopback());
    if is_here && url.port_or_known_default() == Some(port) {
        let message = format!("--forward-to {url} is the address of this command itself");
        return Err(Failure::usage(message).hint("use the address of the application"));
    }
    Ok(())
}

/// Returns the HTTP client that forwards webhooks: unchanged, and to the given URL only.
fn http() -> Result<Client, Failure> {
    let client = Client::builder()
        .timeout(FORWARD_TIMEOUT)
        // The answer of the application is the answer to the vendor, also a redirect.
        .redirect(redirect::Policy::none())
        .no_proxy();
    client.build().map_err(Failure::usage)
}

/// Returns the result after stdout failed.
fn not_written(error: &io::Error) -> Result<Report, Failure> {
    // A reader such as `head` has closed the pipe.
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Ok(Report::Stopped(Exit::Done));
    }
    let message = format!("a webhook could not be written to stdout: {error}");
    Err(Failure::new(Kind::Save, message).hint("it was forwarded, if --forward-to is given"))
}
