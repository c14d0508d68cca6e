//! The comparison of base URLs, which may be spelled differently in two accounts.

use std::net::Ipv6Addr;

use url::{Host, Url};

/// Returns `true` if two base URLs lead to the same API: they differ at most in the case or a final dot of the
/// host, in the default port, in http or https, in a final slash, or in the name of this machine.
pub(super) fn is_same_api(one: &str, other: &str) -> bool {
    let address = |text| Address::parse(text);
    one == other || address(one).is_some_and(|one| address(other).as_ref() == Some(&one))
}

/// The parts of a base URL by which an API is recognized.
#[derive(PartialEq)]
struct Address {
    host: String,
    /// The port, unless it is the default one of the scheme.
    port: Option<u16>,
    path: String,
}

impl Address {
    fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text.trim()).ok()?;
        let host = match url.host()? {
            host if is_this_machine(&host) => "localhost".into(),
            // The parser has made the letters small.
            Host::Domain(name) => name.trim_end_matches('.').to_owned(),
            address => address.to_string(),
        };
        Some(Self {
            host,
            port: url.port(),
            path: url.path().trim_end_matches('/').to_owned(),
        })
    }
}

/// Returns `true` for a loopback address, and for the unspecified one, which connects to this machine too.
fn is_this_machine(host: &Host<&str>) -> bool {
    let is_local = |ip: Ipv6Addr| match ip.to_ipv4_mapped() {
        Some(ip) => ip.is_loopback() || ip.is_unspecified(),
        None => ip.is_loopback() || ip.is_unspecified(),
    };
    match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Host::Ipv4(ip) => is_local(ip.to_ipv6_mapped()),
        Host::Ipv6(ip) => is_local(*ip),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_base_url_lead_to_one_api() {
        let vendor = "https://api.wavespeed.ai/api/v3";
        for same in [
            "https://API.WaveSpeed.AI/api/v3/",
            "https://api.wavespeed.ai:443/api/v3",
            "https://api.wavespeed.ai./api/v3",
            "http://api.wavespeed.ai/api/v3",
        ] {
            assert!(is_same_api(vendor, same), "{same}");
        }
        for other in [
            "https://api.wavespeed.ai:8443/api/v3",
            "https://api.wavespeed.ai/api/v4",
            "https://wavespeed.ai/api/v3",
            "no URL",
            "",
        ] {
            assert!(!is_same_api(vendor, other), "{other}");
            assert!(is_same_api(other, other));
        }
    }

    #[test]
    fn names_of_this_machine_lead_to_one_api() {
        let hosts = [
            "127.0.0.1",
            "localhost",
            "LOCALHOST.",
            "[::1]",
            "0.0.0.0",
            "127.0.0.2",
        ];
        for host in hosts {
            let here = format!("http://{host}:8080/api/v3");
            assert!(is_same_api("http://127.0.0.1:8080/api/v3", &here), "{host}");
            assert!(
                !is_same_api("http://127.0.0.1:8081/api/v3", &here),
                "{host}"
            );
            assert!(
                !is_same_api("http://127.example:8080/api/v3", &here),
                "{host}"
            );
        }
    }
}
