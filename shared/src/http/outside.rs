//! Calls to addresses that users enter. Such an address must not lead into a private network or to this machine, whatever
//! it looks like and whatever its name resolves to at the moment of the call: [`check_url`] judges what is written,
//! [`guarded_client`] judges every address that a name resolves to.

use std::{
    error::Error,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs},
    time::Duration,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Longest URL that is accepted, in bytes.
pub const MAX_URL_BYTES: usize = 2048;

/// Names that only networks of one's own resolve (RFC 6761, RFC 6762, and what ICANN reserved for private use).
const PRIVATE_SUFFIXES: [&str; 4] = [".localhost", ".local", ".internal", ".home.arpa"];

/// Why a URL is not called. Reads well after the name of the field that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutsideUrlError {
    /// Longer than [`MAX_URL_BYTES`].
    #[error("must not be longer than {MAX_URL_BYTES} bytes")]
    TooLong,
    /// Not an absolute URL.
    #[error("must be a URL")]
    Malformed,
    /// Another scheme than https.
    #[error("must begin with https://")]
    Scheme,
    /// User name or password in it.
    #[error("must not hold a user name or password")]
    UserInfo,
    /// A host that is no name in the public DNS.
    #[error("must name a host in the public DNS")]
    Host,
    /// A port of another protocol.
    #[error("must use port 443 or one above 1023")]
    Port,
    /// An address that is not on the public internet.
    #[error("must not lead into a private network")]
    Address,
}

/// A name resolved to nothing but addresses that are not on the public internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name leads into a private network")]
struct AddressRefused;

/// Reads a URL that a user entered, without its fragment. `allow_loopback` also admits this machine, on any port and
/// without TLS; nothing else inside.
pub fn check_url(text: &str, allow_loopback: bool) -> Result<Url, OutsideUrlError> {
    if text.len() > MAX_URL_BYTES {
        return Err(OutsideUrlError::TooLong);
    }
    let mut url = Url::parse(text).map_err(|_| OutsideUrlError::Malformed)?;
    let this_machine = allow_loopback && leads_to_this_machine(&url);
    match url.scheme() {
        "https" => {}
        "http" if this_machine => {}
        _ => return Err(OutsideUrlError::Scheme),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(OutsideUrlError::UserInfo);
    }
    if !this_machine {
        // The URL parser has turned decimal, octal, hexadecimal and shortened IPv4 addresses into plain ones.
        match url.host() {
            Some(Host::Domain(name)) if is_public_name(name) => {}
            Some(Host::Ipv4(ip)) if is_global_v4(ip) => {}
            Some(Host::Ipv6(ip)) if is_global_v6(ip) => {}
            Some(Host::Ipv4(_) | Host::Ipv6(_)) => return Err(OutsideUrlError::Address),
            Some(Host::Domain(_)) | None => return Err(OutsideUrlError::Host),
        }
        if !matches!(url.port_or_known_default(), Some(443 | 1024..)) {
            return Err(OutsideUrlError::Port);
        }
    }
    url.set_fragment(None);
    Ok(url)
}

/// A client for URLs that [`check_url`] let through (it looks at names only; an address written in the URL is not resolved,
/// so nothing here would see it). Follows no redirects and uses no proxy: both would decide anew where a call goes.
///
/// # Panics
///
/// At start-up, if the TLS stack does not start.
#[expect(clippy::expect_used, reason = "start-up: without TLS there is nothing to run")]
pub fn guarded_client(
    allow_loopback: bool,
    connect_timeout: Duration,
    total_timeout: Duration,
    user_agent: &str,
) -> reqwest::Client {
    reqwest::Client::builder()
        .connect_timeout(connect_timeout)
        .timeout(total_timeout)
        .user_agent(user_agent)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .https_only(!allow_loopback)
        .dns_resolver(GuardedResolver { allow_loopback })
        .build()
        .expect("the TLS stack starts")
}

/// Whether a call failed because [`guarded_client`] refused where the name leads.
pub fn is_refused_address(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(inner) = cause {
        if inner.is::<AddressRefused>() {
            return true;
        }
        cause = inner.source();
    }
    false
}

/// Resolves as the system does and drops addresses that are not on the public internet. The connection is made to exactly
/// the addresses judged here, so a name that changes its mind between check and call gains nothing.
struct GuardedResolver {
    allow_loopback: bool,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_loopback = self.allow_loopback;
        Box::pin(async move {
            let host = name.as_str().to_owned();
            // Port 0: the client puts in the URL's.
            let found = tokio::task::spawn_blocking(move || (host.as_str(), 0).to_socket_addrs()).await??;
            let admitted = admit(found, allow_loopback)?;
            Ok(Box::new(admitted.into_iter()) as Addrs)
        })
    }
}

fn admit(found: impl Iterator<Item = SocketAddr>, allow_loopback: bool) -> Result<Vec<SocketAddr>, AddressRefused> {
    let admitted: Vec<SocketAddr> =
        found.filter(|address| is_global(address.ip()) || (allow_loopback && address.ip().is_loopback())).collect();
    if admitted.is_empty() { Err(AddressRefused) } else { Ok(admitted) }
}

fn leads_to_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// A trailing dot is refused rather than dropped: certificates and virtual hosts disagree about such names.
fn is_public_name(name: &str) -> bool {
    name.contains('.') && !name.ends_with('.') && !PRIVATE_SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}

fn is_global(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_global_v4(ip),
        IpAddr::V6(ip) => is_global_v6(ip),
    }
}

/// What is not on the public internet (IANA IPv4 Special-Purpose Address Registry; multicast; class E).
const SPECIAL_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::UNSPECIFIED, 8),           // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),      // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),   // carrier-grade NAT
    (Ipv4Addr::new(127, 0, 0, 0), 8),     // loopback
    (Ipv4Addr::new(169, 254, 0, 0), 16),  // link-local, cloud metadata
    (Ipv4Addr::new(172, 16, 0, 0), 12),   // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),    // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),    // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),  // 6to4 relays
    (Ipv4Addr::new(192, 168, 0, 0), 16),  // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),   // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),  // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),     // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),     // reserved, broadcast
];

fn is_global_v4(ip: Ipv4Addr) -> bool {
    !SPECIAL_V4.iter().any(|(network, prefix)| (u32::from(ip) ^ u32::from(*network)) >> (32 - prefix) == 0)
}

/// Global unicast is `2000::/3` alone; so loopback, link-local, unique local, multicast, IPv4-mapped and NAT64 addresses are
/// out. Within it (IANA IPv6 Special-Purpose Address Registry) these are not hosts on the internet, or hide an IPv4 address.
const SPECIAL_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments, Teredo
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

fn is_global_v6(ip: Ipv6Addr) -> bool {
    u128::from(ip) >> 125 == 0b001
        && !SPECIAL_V6.iter().any(|(network, prefix)| (u128::from(ip) ^ u128::from(*network)) >> (128 - prefix) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_inside_are_refused() {
        let inside = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for ip in inside {
            assert!(!is_global(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn addresses_outside_are_let_through() {
        let outside = [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2003::1",
            "2606:4700::1111",
        ];
        for ip in outside {
            assert!(is_global(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn urls_are_judged_by_what_they_mean() {
        use OutsideUrlError::{Address, Host, Malformed, Port, Scheme, UserInfo};
        let cases = [
            ("https://chat.example.com/hook?key=1#part", Ok("https://chat.example.com/hook?key=1")),
            ("https://chat.example.com:8443/", Ok("https://chat.example.com:8443/")),
            ("https://EXAMPLE.com:443", Ok("https://example.com/")),
            ("https://1.1.1.1/", Ok("https://1.1.1.1/")),
            ("https://[2606:4700::1111]/", Ok("https://[2606:4700::1111]/")),
            ("http://chat.example.com/", Err(Scheme)),
            ("ftp://chat.example.com/", Err(Scheme)),
            ("file:///etc/passwd", Err(Scheme)),
            ("chat.example.com", Err(Malformed)),
            ("https://", Err(Malformed)),
            ("", Err(Malformed)),
            ("https://user@example.com/", Err(UserInfo)),
            ("https://user:pw@example.com/", Err(UserInfo)),
            ("https://example.com:25/", Err(Port)),
            ("https://example.com:80/", Err(Port)),
            ("https://example.com:0/", Err(Port)),
            ("https://localhost/", Err(Host)),
            ("https://LOCALHOST/", Err(Host)),
            ("https://localhost./", Err(Host)),
            ("https://a.localhost/", Err(Host)),
            ("https://example.com./", Err(Host)),
            ("https://intranet/", Err(Host)),
            ("https://printer.local/", Err(Host)),
            ("https://metadata.google.internal/", Err(Host)),
            ("https://127.0.0.1/", Err(Address)),
            ("https://127.0.0.1./", Err(Address)),
            ("https://127.1/", Err(Address)),
            ("https://2130706433/", Err(Address)),
            ("https://0x7f000001/", Err(Address)),
            ("https://0177.0.0.1/", Err(Address)),
            ("https://0/", Err(Address)),
            ("https://%31%32%37.0.0.1/", Err(Address)),
            ("https://１２７.0.0.1/", Err(Address)),
            ("https://169.254.169.254/latest/meta-data", Err(Address)),
            ("https://[::1]/", Err(Address)),
            ("https://[::ffff:127.0.0.1]/", Err(Address)),
            ("https://[::ffff:a00:1]/", Err(Address)),
            ("https://[fd00:ec2::254]/", Err(Address)),
        ];
        for (text, expected) in cases {
            let got = check_url(text, false);
            assert_eq!(got.as_ref().map(Url::as_str), expected.as_ref().map(|url| *url), "{text}");
        }
        let long = format!("https://example.com/{}", "a".repeat(MAX_URL_BYTES));
        assert_eq!(check_url(&long, false), Err(OutsideUrlError::TooLong));
    }

    #[test]
    fn loopback_is_this_machine_and_nothing_else() {
        for text in
            ["http://127.0.0.1:9/x", "http://localhost:3000/", "https://localhost/", "http://[::1]:80/", "http://127.1:1/"]
        {
            assert!(check_url(text, true).is_ok(), "{text}");
            assert!(check_url(text, false).is_err(), "{text}");
        }
        for text in
            ["http://10.0.0.1/", "https://10.0.0.1/", "http://example.com/", "https://[::ffff:127.0.0.1]/", "http://0.0.0.0/"]
        {
            assert!(check_url(text, true).is_err(), "{text}");
        }
    }

    #[test]
    fn of_several_addresses_the_outside_ones_stay() {
        let found = |ips: &[&str]| ips.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect::<Vec<_>>().into_iter();
        let admitted = admit(found(&["10.0.0.1", "1.1.1.1", "::1"]), false).unwrap();
        assert_eq!(admitted, [SocketAddr::new("1.1.1.1".parse().unwrap(), 0)]);
        assert_eq!(admit(found(&["10.0.0.1", "127.0.0.1"]), false), Err(AddressRefused));
        assert_eq!(admit(found(&["10.0.0.1", "127.0.0.1"]), true).unwrap().len(), 1);
        assert_eq!(admit(found(&[]), true), Err(AddressRefused));
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_called() {
        let client = guarded_client(false, Duration::from_secs(5), Duration::from_secs(5), "test");
        let error = client.get("https://localhost:9/").send().await.unwrap_err();
        assert!(is_refused_address(&error), "{error:?}");
        assert!(error.is_connect());
        let client = guarded_client(true, Duration::from_secs(5), Duration::from_secs(5), "test");
        // Port 1 of this machine is closed: the call gets as far as a refused connection.
        let error = client.get("http://localhost:1/").send().await.unwrap_err();
        assert!(!is_refused_address(&error) && error.is_connect(), "{error:?}");
    }
}
