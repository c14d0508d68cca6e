//! The command in the networks it is used in: behind proxies, with a private CA, and where the key
//! must not cross in the clear. Each test runs the command as a process of its own, because all of
//! it is set by the environment. No name is looked up: the proxy is the only one who could, and it
//! knows where to go.

#![expect(clippy::unwrap_used, reason = "all of this is test code")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use wavespeed_harness::tcp::{self, Action, Server, read_request};
use wavespeed_harness::{ID, KEY, envelope};

/// A name that no resolver is asked about, as its first part is longer than names can have.
fn nowhere() -> String {
    format!("{}.example", "a".repeat(64))
}

/// The answer to every poll here.
fn answer() -> String {
    let record = json!({ "id": ID, "status": "completed" });
    envelope(&record).to_string()
}

/// How `wave show` ended.
#[derive(Debug)]
struct Shown {
    code: Option<i32>,
    text: String,
}

impl Shown {
    fn assert_fine(&self, name: &str) {
        assert_eq!(self.code, Some(0), "{name}: {self:?}");
        assert!(
            self.text.contains("status:   completed"),
            "{name}: {self:?}"
        );
    }

    fn assert_failed(&self, code: i32, says: &str) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(self.text.contains(says), "{self:?} does not say {says:?}");
    }
}

/// Runs `wave show` with a key, this environment and no other.
async fn show(arguments: &[&str], environment: &[(&str, &str)]) -> Shown {
    wave(&[&["show", ID], arguments].concat(), environment).await
}

/// Runs `wave` with a key, this environment and no other.
async fn wave(arguments: &[&str], environment: &[(&str, &str)]) -> Shown {
    let state = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_wave-under-test"))
        .env_clear()
        .env("XDG_STATE_HOME", state.path())
        .args(arguments)
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("WAVESPEED_API_KEY", KEY)
        .envs(environment.iter().copied())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    assert!(!text.contains(KEY), "the key is shown: {text}");
    Shown {
        code: output.status.code(),
        text,
    }
}

/// The vendor's API over TLS on this machine, and the private CA that vouches for it.
struct Secure {
    address: SocketAddr,
    folder: TempDir,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Secure {
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let acceptor = acceptor(&folder.path().join("ca.pem"));
        // Somebody else's, who vouches for nobody here.
        _ = self::acceptor(&folder.path().join("other-ca.pem"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that does not trust the certificate hangs up.
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let Ok(Some(request)) = read_request(&mut stream).await else {
                    continue;
                };
                seen.lock().unwrap().push(request);
                let sent = stream
                    .write_all(Action::answer(&answer()).text().as_bytes())
                    .await;
                sent.and(stream.shutdown().await).unwrap();
            }
        });
        Self {
            address,
            folder,
            requests,
        }
    }

    /// The path of a CA's certificate.
    fn ca(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        path.into_os_string().into_string().unwrap()
    }

    fn assert_asked(&self, times: usize) {
        let requests = self.requests.lock().unwrap();
        assert_eq!(requests.len(), times, "{requests:?}");
        for request in &*requests {
            let line = format!("GET /api/v3/predictions/{ID}/result HTTP/1.1\r\n");
            assert!(request.starts_with(&line), "{request}");
            let key = format!("authorization: Bearer {KEY}\r\n");
            assert!(request.contains(&key), "{request}");
        }
    }
}

/// TLS by a certificate for `api.example` and this machine, from a new CA whose own is written to
/// a file.
fn acceptor(ca_file: &Path) -> TlsAcceptor {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(DnType::CommonName, "A private CA");
    let key = KeyPair::generate().unwrap();
    let ca = params.self_signed(&key).unwrap();
    std::fs::write(ca_file, ca.pem()).unwrap();
    let issuer = Issuer::new(params, key);

    let names = ["api.example", "localhost", "127.0.0.1"].map(str::to_owned);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(names)
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key.into())
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// A proxy. Whatever it is asked to connect to, it connects to one address; a request in the clear
/// it answers itself.
struct Proxy {
    url: String,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Proxy {
    async fn start(leads_to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let heard = Arc::clone(&heard);
                tokio::spawn(async move {
                    let Some(request) = read_request(&mut stream).await? else {
                        return Ok(());
                    };
                    heard.lock().unwrap().extend_from_slice(request.as_bytes());
                    if request.starts_with("CONNECT ") {
                        tunnel(stream, leads_to, &heard).await
                    } else {
                        stream
                            .write_all(Action::answer(&answer()).text().as_bytes())
                            .await
                    }
                });
            }
        });
        Self { url, seen }
    }

    /// Everything that came to it, as text where it is.
    fn heard(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned()
    }

    fn assert_heard_nothing(&self) {
        assert_eq!(self.heard(), "");
    }
}

/// Takes bytes to and fro, and keeps a copy of those that come from the client.
async fn tunnel(
    mut client: TcpStream,
    leads_to: SocketAddr,
    heard: &Mutex<Vec<u8>>,
) -> std::io::Result<()> {
    let server = TcpStream::connect(leads_to).await?;
    client
        .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        .await?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    let mut chunk = [0; 4096];
    loop {
        let read = from_client.read(&mut chunk).await?;
        if read == 0 {
            return to_server.shutdown().await;
        }
        heard.lock().unwrap().extend_from_slice(&chunk[..read]);
        to_server.write_all(&chunk[..read]).await?;
    }
}

#[tokio::test]
async fn a_private_ca_is_trusted_if_it_is_named() {
    let server = Secure::start().await;
    let port = server.address.port();
    let urls = ["localhost", "127.0.0.1"].map(|host| format!("https://{host}:{port}"));
    for url in &urls {
        let ca = server.ca("ca.pem");
        let shown = show(&["--base-url", url], &[("SSL_CERT_FILE", &ca)]).await;
        shown.assert_fine(url);
    }
    server.assert_asked(2);
    // Naming another CA keeps the system's out, so that this is the same on every machine.
    let ca = server.ca("other-ca.pem");
    let shown = show(&["--base-url", &urls[0]], &[("SSL_CERT_FILE", &ca)]).await;
    shown.assert_failed(6, "certificate");
    server.assert_asked(2);
}

#[tokio::test]
async fn the_cas_of_a_folder_are_trusted_if_it_is_named() {
    let server = Secure::start().await;
    let url = format!("https://localhost:{}", server.address.port());
    let folder = server.folder.path().to_str().unwrap();
    let shown = show(&["--base-url", &url], &[("SSL_CERT_DIR", folder)]).await;
    shown.assert_fine(&url);
    server.assert_asked(1);
}

#[tokio::test]
async fn root_certificates_are_needed_for_https_only() {
    let secure = Secure::start().await;
    let proxy = Proxy::start(secure.address).await;
    let missing = secure.ca("missing.pem");
    let environment = [("HTTP_PROXY", &*proxy.url), ("SSL_CERT_FILE", &missing)];
    let arguments = ["--base-url", "http://api.example", "--allow-plain-http"];
    let shown = show(&arguments, &environment).await;
    shown.assert_fine("without certificates");

    let url = format!("https://localhost:{}", secure.address.port());
    let shown = show(&["--base-url", &url], &environment).await;
    shown.assert_failed(6, "no root certificates were found");
    assert!(shown.text.contains("missing.pem"), "{shown:?}");
    secure.assert_asked(0);
}

#[tokio::test]
async fn an_output_at_https_is_downloaded_from_an_api_at_plain_http() {
    let secure = Secure::start().await;
    let output = format!("https://localhost:{}/a.json", secure.address.port());
    let record = json!({ "id": ID, "status": "completed", "outputs": [output] });
    let answer = Action::answer(&envelope(&record).to_string());
    let plain = Server::start([answer]).await;
    let file = secure.ca("a.json");
    let arguments = ["download", ID, "-o", &file, "--base-url", &plain.origin];
    let environment = [("SSL_CERT_FILE", &*secure.ca("ca.pem"))];
    let shown = wave(&arguments, &environment).await;
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert_eq!(std::fs::read_to_string(file).unwrap(), self::answer());
    // The storage is not the API, so the key is not for it.
    let requests = secure.requests.lock().unwrap().join("");
    assert!(requests.starts_with("GET /a.json "), "{requests}");
    assert!(!requests.contains(KEY), "{requests}");
}

#[tokio::test]
async fn https_goes_through_the_tunnel_of_a_proxy_which_learns_nothing() {
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        let server = Secure::start().await;
        let proxy = Proxy::start(server.address).await;
        let ca = server.ca("ca.pem");
        let environment = [
            ("SSL_CERT_FILE", &*ca),
            (variable, &*proxy.url),
            // The URL is the command's own way to be told; here by the environment, too.
            ("WAVESPEED_BASE_URL", "https://api.example"),
        ];
        show(&[], &environment).await.assert_fine(variable);
        server.assert_asked(1);
        let heard = proxy.heard();
        let (head, _) = heard.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with("CONNECT api.example:443 HTTP/1.1\r\n"),
            "{head}"
        );
        assert_eq!(heard.matches("CONNECT ").count(), 1, "{variable}");
        assert!(!heard.contains(KEY), "{variable}");
        assert!(
            !heard.to_lowercase().contains("authorization"),
            "{variable}"
        );
    }
}

#[tokio::test]
async fn no_proxy_is_asked_for_hosts_that_are_excepted() {
    let server = Secure::start().await;
    for scheme in ["http", "https"] {
        let url = format!("{scheme}://{}", nowhere());
        for (variable, hosts) in [
            ("NO_PROXY", nowhere()),
            ("no_proxy", format!("other.example, {}", nowhere())),
            ("NO_PROXY", ".example".to_owned()),
            ("NO_PROXY", "*".to_owned()),
        ] {
            let proxy = Proxy::start(server.address).await;
            let environment = [
                ("HTTP_PROXY", &*proxy.url),
                ("HTTPS_PROXY", &*proxy.url),
                ("SSL_CERT_FILE", &*server.ca("ca.pem")),
                (variable, &*hosts),
            ];
            let arguments = ["--base-url", &url, "--allow-plain-http"];
            show(&arguments, &environment)
                .await
                .assert_failed(6, "could not be reached");
            proxy.assert_heard_nothing();
            // Without it the proxy is asked, so the exception is what kept it out.
            let environment = &environment[..3];
            if hosts == nowhere() {
                show(&arguments, environment).await;
                assert!(proxy.heard().contains(&nowhere()), "{scheme}");
            }
        }
    }
}

#[tokio::test]
async fn this_machine_is_never_reached_through_a_proxy() {
    let secure = Secure::start().await;
    let plain = Server::start([Action::answer(&answer())]).await;
    let proxy = Proxy::start(secure.address).await;
    let environment = [
        ("HTTP_PROXY", &*proxy.url),
        ("HTTPS_PROXY", &*proxy.url),
        ("ALL_PROXY", &*proxy.url),
        ("NO_PROXY", "other.example"),
        ("SSL_CERT_FILE", &*secure.ca("ca.pem")),
    ];
    let urls = [
        plain.origin.clone(),
        plain.origin.replace("127.0.0.1", "localhost"),
        format!("https://localhost:{}", secure.address.port()),
    ];
    for url in &urls {
        show(&["--base-url", url], &environment)
            .await
            .assert_fine(url);
    }
    assert_eq!(plain.requests().len(), 2);
    proxy.assert_heard_nothing();
}

#[tokio::test]
async fn the_key_goes_over_plain_http_only_where_that_is_allowed() {
    let proxy = Proxy::start("127.0.0.1:9".parse().unwrap()).await;
    let environment = [("HTTP_PROXY", &*proxy.url)];
    let url = ["--base-url", "http://api.example"];
    show(&url, &environment)
        .await
        .assert_failed(2, "plain http");
    proxy.assert_heard_nothing();

    let allowed = [&url[..], &["--allow-plain-http"]].concat();
    show(&allowed, &environment).await.assert_fine("HTTP_PROXY");
    let line = format!("GET http://api.example/api/v3/predictions/{ID}/result HTTP/1.1\r\n");
    let heard = proxy.heard();
    assert!(heard.starts_with(&line), "{heard}");
    assert_eq!(heard.matches(" HTTP/1.1\r\n").count(), 1, "{heard}");
}

#[tokio::test]
async fn a_proxy_that_a_request_could_have_named_is_not_used() {
    let proxy = Proxy::start("127.0.0.1:9".parse().unwrap()).await;
    let url = format!("http://{}", nowhere());
    let arguments = ["--base-url", &url, "--allow-plain-http"];
    // As a web server would run it, with a header `Proxy` of somebody's request.
    let environment = [("REQUEST_METHOD", "GET"), ("HTTP_PROXY", &*proxy.url)];
    show(&arguments, &environment)
        .await
        .assert_failed(6, "could not be reached");
    proxy.assert_heard_nothing();
    let environment = [("REQUEST_METHOD", "GET"), ("http_proxy", &*proxy.url)];
    show(&arguments, &environment)
        .await
        .assert_fine("http_proxy");
}

#[tokio::test]
async fn a_proxy_that_cannot_be_used_is_told_without_its_password() {
    for (proxy, code, says) in [
        ("http://me:hunter2@[", 2, "HTTPS_PROXY"),
        // A proxy that is set and does not answer is not gone round.
        (
            &*tcp::closed_port().0.replace("//", "//me:hunter2@"),
            6,
            "could not be reached",
        ),
    ] {
        let environment = [("HTTPS_PROXY", proxy)];
        let shown = show(&["--base-url", "https://api.example"], &environment).await;
        shown.assert_failed(code, says);
        assert!(!shown.text.contains("hunter2"), "{shown:?}");
    }
}
