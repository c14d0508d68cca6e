//! The classifier of addresses: the hosts that the vendor cannot reach from its own network.
//!
//! It serves the URLs of inputs, the URLs of webhooks, and the redirects that follow them. It sends nothing
//! and looks up no name; [`guard`](super::guard) applies it to the addresses of a name.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// The top-level domains of private networks: RFC 6762 (`local`), RFC 8375 (`home.arpa`), and the one that
/// ICANN reserved in 2024 (`internal`), which the metadata service of a cloud uses.
const PRIVATE_DOMAINS: [&str; 3] = ["local", "home.arpa", "internal"];

/// A place that only this machine or its network can reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreachable {
    /// This machine: a loopback address or the unspecified one.
    ThisMachine,
    /// A private, shared or unique-local address, or a name of private networks.
    PrivateNetwork,
    /// A link-local address, such as that of a cloud's metadata service.
    LinkLocal,
    /// An address that no single machine has, such as that of a multicast group.
    Reserved,
    /// A name without a dot, which only a local search domain completes.
    SingleLabel,
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ThisMachine => "this machine",
            Self::PrivateNetwork => "a private network",
            Self::LinkLocal => "a link-local address",
            Self::Reserved => "a reserved address",
            Self::SingleLabel => "a name without a domain",
        })
    }
}

impl Unreachable {
    /// Returns the reason why the vendor cannot reach the host of a URL, or `None` if nothing in the URL
    /// speaks against it. A name may still have a private address.
    pub(crate) fn of_url(url: &Url) -> Option<Self> {
        match url.host() {
            Some(Host::Domain(name)) => Self::of_name(name),
            Some(Host::Ipv4(ip)) => Self::of_ip(ip.into()),
            Some(Host::Ipv6(ip)) => Self::of_ip(ip.into()),
            None => Some(Self::Reserved),
        }
    }

    /// Returns the reason why the vendor cannot reach an address, or `None` for a public address.
    pub(crate) fn of_ip(ip: IpAddr) -> Option<Self> {
        match ip {
            IpAddr::V4(ip) => Self::of_ipv4(ip),
            IpAddr::V6(ip) => Self::of_ipv6(ip),
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        // A URL parser has made the letters small. A final dot marks a name as complete.
        let name = name.trim_end_matches('.');
        let is_in = |domain: &str| {
            let before = name.strip_suffix(domain);
            before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
        };
        if is_in("localhost") {
            Some(Self::ThisMachine)
        } else if PRIVATE_DOMAINS.into_iter().any(is_in) {
            Some(Self::PrivateNetwork)
        } else {
            (!name.contains('.')).then_some(Self::SingleLabel)
        }
    }

    fn of_ipv4(ip: Ipv4Addr) -> Option<Self> {
        match ip.octets() {
            [0 | 127, ..] => Some(Self::ThisMachine),
            [169, 254, ..] => Some(Self::LinkLocal),
            // 100.64/10 is the network between a provider and its customers (RFC 6598).
            [100, 64..=127, ..] | [192, 0, 0, _] => Some(Self::PrivateNetwork),
            [224..=255, ..] => Some(Self::Reserved),
            // 198.18/15 is missing on purpose: some VPN clients give every name an address of this
            // benchmark range and connect it to the real host.
            _ => ip.is_private().then_some(Self::PrivateNetwork),
        }
    }

    fn of_ipv6(ip: Ipv6Addr) -> Option<Self> {
        let segments = ip.segments();
        let ipv4 = |high: u16, low: u16| {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            Self::of_ipv4(Ipv4Addr::new(a, b, c, d))
        };
        match segments {
            [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Some(Self::ThisMachine),
            // These forms carry an IPv4 address, to which a gateway or the system itself connects:
            // mapped, compatible, translated (RFC 6052), and 6to4 (RFC 3056).
            [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
            | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
            | [0x2002, high, low, ..] => ipv4(high, low),
            // The translation prefix of local networks (RFC 8215), unique-local and former site-local.
            [0x64, 0xff9b, 1, ..] | [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => {
                Some(Self::PrivateNetwork)
            }
            [0xfe80..=0xfebf, ..] => Some(Self::LinkLocal),
            [0xff00..=0xffff, ..] => Some(Self::Reserved),
            _ => None,
        }
    }
}

/// Returns `true` if a URL leads to this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_host_is_classified() {
        use Unreachable::{LinkLocal, PrivateNetwork, Reserved, SingleLabel, ThisMachine};
        for (host, expected) in [
            ("example.com", None),
            ("8.8.8.8", None),
            ("172.32.0.1", None),
            ("100.128.0.1", None),
            ("198.18.0.7", None),
            ("[2606:4700::1111]", None),
            ("[64:ff9b::808:808]", None),
            ("notlocalhost.com", None),
            ("internal.example.com", None),
            ("localhost", Some(ThisMachine)),
            ("LOCALHOST.", Some(ThisMachine)),
            ("a.localhost", Some(ThisMachine)),
            ("127.8.9.1", Some(ThisMachine)),
            ("0x7f.1", Some(ThisMachine)),
            ("2130706433", Some(ThisMachine)),
            ("0.0.0.0", Some(ThisMachine)),
            ("[::1]", Some(ThisMachine)),
            ("[::]", Some(ThisMachine)),
            ("[::ffff:127.0.0.1]", Some(ThisMachine)),
            ("[::127.0.0.1]", Some(ThisMachine)),
            ("10.0.0.1", Some(PrivateNetwork)),
            ("172.16.0.1", Some(PrivateNetwork)),
            ("192.168.1.1", Some(PrivateNetwork)),
            ("100.64.0.1", Some(PrivateNetwork)),
            ("192.0.0.192", Some(PrivateNetwork)),
            ("[fd00::1]", Some(PrivateNetwork)),
            ("[fec0::1]", Some(PrivateNetwork)),
            ("[64:ff9b::a00:1]", Some(PrivateNetwork)),
            ("[64:ff9b:1::1]", Some(PrivateNetwork)),
            ("[2002:a00:1::1]", Some(PrivateNetwork)),
            ("printer.local", Some(PrivateNetwork)),
            ("metadata.google.internal", Some(PrivateNetwork)),
            ("nas.home.arpa.", Some(PrivateNetwork)),
            ("169.254.169.254", Some(LinkLocal)),
            ("[fe80::1]", Some(LinkLocal)),
            ("[::ffff:169.254.169.254]", Some(LinkLocal)),
            ("224.0.0.1", Some(Reserved)),
            ("255.255.255.255", Some(Reserved)),
            ("[ff02::1]", Some(Reserved)),
            ("intranet", Some(SingleLabel)),
            ("intranet.", Some(SingleLabel)),
        ] {
            let url = format!("https://{host}/clip.mp4").parse().unwrap();
            assert_eq!(Unreachable::of_url(&url), expected, "{host}");
        }
    }
}
