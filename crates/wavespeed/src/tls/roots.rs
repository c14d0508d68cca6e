//! Verification of certificates by root certificates that are read when they are first needed.
//!
//! Reading and parsing the root certificates of a system takes milliseconds. The HTTP library would do
//! it for each client that is built, for plain http, too, and would read them twice: from the bundle,
//! and from the folder that has the same ones in single files. So the clients get a [`Verifier`] that
//! does it once, during the first TLS handshake.

use std::env;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::ClientBuilder;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_native_certs::{CertificateResult, load_certs_from_paths, load_native_certs};

/// Returns a function that makes a client use rustls with one verifier, shared by all such clients.
pub(crate) fn settings() -> impl Fn(ClientBuilder) -> ClientBuilder {
    super::install_provider();
    with_verifier(Arc::new(Verifier::new(provider(), load_roots)))
}

fn with_verifier(verifier: Arc<Verifier>) -> impl Fn(ClientBuilder) -> ClientBuilder {
    let config = ClientConfig::builder_with_provider(Arc::clone(&verifier.provider));
    // This fails only for a provider without any cipher suite of these versions. The HTTP library
    // reports that itself, when it makes its own configuration.
    let config = config.with_safe_default_protocol_versions().map(|config| {
        let mut config = config
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.alpn_protocols = vec!["h2".into(), "http/1.1".into()];
        config
    });
    move |builder| match &config {
        Ok(config) => builder.tls_backend_preconfigured(config.clone()),
        Err(_) => builder,
    }
}

/// Returns the provider of cryptography of this process, or else that of the feature.
fn provider() -> Arc<CryptoProvider> {
    #[cfg(feature = "rustls")]
    use rustls::crypto::aws_lc_rs::default_provider;
    #[cfg(not(feature = "rustls"))]
    use rustls::crypto::ring::default_provider;
    CryptoProvider::get_default().map_or_else(|| Arc::new(default_provider()), Arc::clone)
}

/// Reads the root certificates: those that the environment names, or else those of the system.
fn load_roots() -> CertificateResult {
    let is_set = |name| env::var_os(name).is_some();
    if !is_set("SSL_CERT_FILE") && !is_set("SSL_CERT_DIR") {
        // The bundle of a system holds the certificates of its folder, which are hundreds of files.
        let bundle = openssl_probe::probe().cert_file;
        let loaded = load_certs_from_paths(bundle.as_deref(), None);
        if !loaded.certs.is_empty() {
            return loaded;
        }
    }
    load_native_certs()
}

/// A verifier of certificates that reads the root certificates when it is first used.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    load: fn() -> CertificateResult,
    /// The verifier with the root certificates, once they were read.
    loaded: Mutex<Option<Arc<WebPkiServerVerifier>>>,
}

impl Verifier {
    fn new(provider: Arc<CryptoProvider>, load: fn() -> CertificateResult) -> Self {
        Self {
            provider,
            load,
            loaded: Mutex::default(),
        }
    }

    /// Returns the verifier with the root certificates. They are read on the first call, and again
    /// after a call that found none.
    fn loaded(&self) -> Result<Arc<WebPkiServerVerifier>, Error> {
        // The lock is held while they are read, so that two handshakes do not both do it.
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(verifier) = &*loaded {
            return Ok(Arc::clone(verifier));
        }
        let found = (self.load)();
        for error in &found.errors {
            tracing::warn!(%error, "some root certificates could not be read");
        }
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            let why = found.errors.first().map(|error| format!(" ({error})"));
            return Err(Error::General(format!(
                "no root certificates were found{}; install those of the system, or name a file of \
                 them in SSL_CERT_FILE",
                why.unwrap_or_default()
            )));
        }
        let provider = Arc::clone(&self.provider);
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| Error::General(error.to_string()))?;
        *loaded = Some(Arc::clone(&verifier));
        Ok(verifier)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verifier = self.loaded()?;
        verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    // A signature is verified with the key of the certificate, for which no root is needed.

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

    use super::*;

    static LOADS: AtomicUsize = AtomicUsize::new(0);

    /// Counts the call, and returns a certificate.
    fn count_loads() -> CertificateResult {
        LOADS.fetch_add(1, Ordering::Relaxed);
        let mut result = CertificateResult::default();
        result.certs.push(certificate());
        result
    }

    fn certificate() -> CertificateDer<'static> {
        let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        certificate.cert.der().clone()
    }

    #[tokio::test]
    async fn roots_are_read_once_and_only_to_verify_a_certificate() {
        let server = MockServer::start().await;
        let fine = Mock::given(matchers::any()).respond_with(ResponseTemplate::new(200));
        fine.mount(&server).await;
        super::super::install_provider();
        let verifier = Arc::new(Verifier::new(provider(), count_loads));
        let settings = with_verifier(Arc::clone(&verifier));
        for _ in 0..2 {
            let client = settings(reqwest::Client::builder()).build().unwrap();
            client.get(server.uri()).send().await.unwrap();
        }
        assert_eq!(LOADS.load(Ordering::Relaxed), 0);

        let name = ServerName::try_from("localhost").unwrap();
        for _ in 0..2 {
            let verified =
                verifier.verify_server_cert(&certificate(), &[], &name, &[], UnixTime::now());
            // No root has signed it.
            verified.unwrap_err();
        }
        assert_eq!(LOADS.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn roots_that_are_missing_are_reported() {
        let verifier = Verifier::new(provider(), CertificateResult::default);
        let error = verifier.loaded().unwrap_err().to_string();
        assert!(error.contains("no root certificates were found"), "{error}");
    }
}
