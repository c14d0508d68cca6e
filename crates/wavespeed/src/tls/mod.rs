//! The TLS settings of the HTTP clients.
//!
//! Where rustls takes root certificates from files, [`settings`] makes it read them when the first
//! certificate is verified. Elsewhere the HTTP library needs no settings.

#[cfg(all(
    any(feature = "rustls", feature = "rustls-ring"),
    // With both features the HTTP library uses the TLS library of the system.
    not(feature = "native-tls"),
    unix,
    not(target_os = "android"),
    not(target_vendor = "apple"),
))]
mod roots;

#[cfg(all(
    any(feature = "rustls", feature = "rustls-ring"),
    not(feature = "native-tls"),
    unix,
    not(target_os = "android"),
    not(target_vendor = "apple"),
))]
pub(crate) use roots::settings;

/// Returns a function that adds the TLS settings to a client, here none.
#[cfg(not(all(
    any(feature = "rustls", feature = "rustls-ring"),
    not(feature = "native-tls"),
    unix,
    not(target_os = "android"),
    not(target_vendor = "apple"),
)))]
pub(crate) fn settings() -> impl Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    install_provider();
    |builder| builder
}

/// Makes ring the provider of cryptography of this process, because without one the HTTP library
/// panics.
fn install_provider() {
    #[cfg(feature = "rustls-ring")]
    {
        // The call fails if the process has a provider already, and the program's own choice stays.
        _ = rustls::crypto::ring::default_provider().install_default();
    }
}
