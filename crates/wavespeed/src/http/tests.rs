//! Tests of the client that checks URLs. Names have the addresses that a test gives them, and servers on
//! loopback count as public, so nothing is sent beyond this machine.

use std::error::Error as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::{io, iter};

use reqwest::Method;
use reqwest::dns::{Addrs, Name, Resolving};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::guard::Blocked;
use super::*;

/// Names with their addresses. Any other name does not resolve.
struct Names(&'static [(&'static str, &'static [&'static str])]);

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let known = self.0.iter().find(|(known, _)| *known == name.as_str());
        let found = known.map(|(_, addresses)| {
            let addresses = addresses.iter().map(|text| text.parse::<IpAddr>().unwrap());
            addresses
                .map(|ip| SocketAddr::new(ip, 0))
                .collect::<Vec<_>>()
        });
        Box::pin(async move {
            let found = found.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

const NAMES: Names = Names(&[
    ("public.example", &["127.0.0.1"]),
    ("private.example", &["10.0.0.1", "fd00::1"]),
    ("metadata.example", &["169.254.169.254"]),
    ("both.example", &["10.0.0.1", "127.0.0.1"]),
    ("proxy.corp.example", &["127.0.0.1"]),
]);

/// Judges like the real guard, but takes 127.0.0.1 for a public address.
fn judge(ip: IpAddr) -> Option<Unreachable> {
    Unreachable::of_ip(ip).filter(|_| ip != IpAddr::V4(Ipv4Addr::LOCALHOST))
}

fn http(proxies: &[Proxy], proxy_names: &[&str]) -> Http {
    let guard = Guard {
        judge,
        allows_all: false,
        proxies: Arc::new(proxy_names.iter().map(|name| (*name).to_owned()).collect()),
    };
    let timeouts = Timeouts::default();
    Http::with_guard("test", &timeouts, proxies, guard, NAMES)
        .unwrap_or_else(|error| panic!("{error:?}"))
}

/// Checks a URL. Returns its status, or the reason why it was blocked.
async fn check(http: &Http, url: &str) -> Result<u16, Option<Blocked>> {
    let request = Request::new(Method::GET, url.parse().unwrap());
    match http
        .send(request, RequestContext::new(Purpose::Check))
        .await
    {
        Ok(response) => Ok(response.status().as_u16()),
        Err(error) => {
            let sources = iter::successors(error.source(), |&error| error.source());
            let blocked = sources.filter_map(|error| error.downcast_ref()).next();
            Err(blocked.copied())
        }
    }
}

/// Starts a server that redirects every request but the second one to `location`.
async fn redirecting(location: &str) -> MockServer {
    let server = MockServer::start().await;
    let redirect = ResponseTemplate::new(302).insert_header("location", location);
    let first = Mock::given(any()).respond_with(redirect).up_to_n_times(1);
    first.mount(&server).await;
    let rest = Mock::given(any()).respond_with(ResponseTemplate::new(204));
    rest.mount(&server).await;
    server
}

#[tokio::test]
async fn the_addresses_of_a_name_are_judged_before_the_connection() {
    let server = MockServer::start().await;
    let port = server.address().port();
    let http = http(&[], &[]);
    for (host, expected) in [
        // Nothing is mounted, so the server answers 404.
        ("public.example", Ok(404)),
        ("both.example", Ok(404)),
        (
            "private.example",
            Err(Some(Blocked::Resolves(Unreachable::PrivateNetwork))),
        ),
        (
            "metadata.example",
            Err(Some(Blocked::Resolves(Unreachable::LinkLocal))),
        ),
        ("unknown.example", Err(Some(Blocked::Unresolved))),
        (
            "10.0.0.1",
            Err(Some(Blocked::Named(Unreachable::PrivateNetwork))),
        ),
        (
            "intranet",
            Err(Some(Blocked::Named(Unreachable::SingleLabel))),
        ),
    ] {
        let url = format!("http://{host}:{port}/");
        assert_eq!(check(&http, &url).await, expected, "{host}");
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 2);
}

#[tokio::test]
async fn every_redirect_is_judged() {
    for (location, expected) in [
        ("/elsewhere", Ok(204)),
        (
            "http://169.254.169.254/latest/meta-data/",
            Err(Some(Blocked::Redirects(Unreachable::LinkLocal))),
        ),
        (
            "http://[::1]/",
            Err(Some(Blocked::Redirects(Unreachable::ThisMachine))),
        ),
        (
            "http://localhost/",
            Err(Some(Blocked::Redirects(Unreachable::ThisMachine))),
        ),
        (
            "http://intranet/",
            Err(Some(Blocked::Redirects(Unreachable::SingleLabel))),
        ),
        (
            "http://private.example/",
            Err(Some(Blocked::Resolves(Unreachable::PrivateNetwork))),
        ),
    ] {
        let server = redirecting(location).await;
        let url = format!("http://public.example:{}/", server.address().port());
        assert_eq!(check(&http(&[], &[]), &url).await, expected, "{location}");
    }
}

#[tokio::test]
async fn a_proxy_looks_names_up_and_is_no_host_of_a_file() {
    let server = redirecting("http://10.0.0.1/").await;
    let port = server.address().port();
    let proxy = Proxy::http(format!("http://proxy.corp.example:{port}")).unwrap();
    let http = http(&[proxy], &["proxy.corp.example"]);
    // The redirect is judged with a proxy, too.
    assert_eq!(
        check(&http, "http://unknown.example/").await,
        Err(Some(Blocked::Redirects(Unreachable::PrivateNetwork)))
    );
    assert_eq!(check(&http, "http://unknown.example/").await, Ok(204));
    assert_eq!(
        check(&http, "http://proxy.corp.example/").await,
        Err(Some(Blocked::Named(Unreachable::PrivateNetwork)))
    );
    assert_eq!(server.received_requests().await.unwrap().len(), 2);
}

#[test]
fn the_host_of_a_proxy_is_found() {
    for (proxy, expected) in [
        ("http://me:secret@proxy.corp:3128", Some("proxy.corp")),
        ("Proxy.corp:3128", Some("proxy.corp")),
        ("https://proxy.corp/", Some("proxy.corp")),
        ("http://127.0.0.1:3128", None),
        ("not a proxy", None),
    ] {
        assert_eq!(host_name(proxy).as_deref(), expected, "{proxy}");
    }
}
