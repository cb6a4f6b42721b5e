//! Which peers are believed when they say who asked them. Plain values; a question allocates nothing.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::connection_info::Address;
use crate::start_error::StartError;

/// Addresses, networks and kinds of peers. A copy shares them.
#[derive(Clone, Debug, Default)]
pub struct TrustedPeers {
    networks: Arc<[Network]>,
    /// Whatever its address.
    everyone: bool,
    /// What connects to a Unix socket.
    unix: bool,
    /// A person was told how to trust a peer; once is enough for a server.
    advice_given: Arc<AtomicBool>,
}

/// An IPv4 or IPv6 network as a range of IPv6, in which IPv4 has its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    first: u128,
    last: u128,
    is_v4: bool,
}

impl TrustedPeers {
    /// Reads `127.0.0.1`, `10.0.0.0/8`, `2001:db8::/32`, `unix` and `*`.
    pub fn parse<S: AsRef<str>>(words: &[S]) -> Result<TrustedPeers, StartError> {
        let mut trusted = TrustedPeers::default();
        let mut networks = Vec::new();
        for word in words.iter().map(AsRef::as_ref) {
            match word {
                "*" => trusted.everyone = true,
                "unix" => trusted.unix = true,
                _ => networks.push(Network::parse(word).map_err(StartError::new)?),
            }
        }
        trusted.networks = networks.into();
        Ok(trusted)
    }

    /// Nobody is believed.
    pub(crate) fn is_empty(&self) -> bool {
        self.networks.is_empty() && !self.everyone && !self.unix
    }

    /// Whether a peer is believed.
    pub(crate) fn trusts(&self, peer: &Address) -> bool {
        match peer {
            Address::Tcp(address) => self.trusts_ip(address.ip()),
            Address::Unix(_) => self.unix || self.everyone,
            Address::Named(..) | Address::Unknown => false,
        }
    }

    /// Says once that a peer is not trusted, and what changes that.
    #[cold]
    pub(crate) fn advise(&self, peer: &Address, what_it_sends: &str) {
        if self.advice_given.load(Ordering::Relaxed)
            || self.advice_given.swap(true, Ordering::Relaxed)
        {
            return;
        }
        let word = match peer {
            Address::Tcp(address) => address.ip().to_canonical().to_string(),
            _ => String::from("unix"),
        };
        log::info!(
            "{peer} sends {what_it_sends}, which is ignored, because it is not trusted; if it is your proxy: \
             --forwarded-allow-ips {word} (this is said once)"
        );
    }

    /// Whether a hop with this address is believed.
    pub(crate) fn trusts_ip(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        let place = place_of(ip);
        self.everyone
            || self.networks.iter().any(|network| {
                network.is_v4 == ip.is_ipv4() && (network.first..=network.last).contains(&place)
            })
    }
}

impl Network {
    fn parse(word: &str) -> Result<Network, String> {
        let (address, bits) = match word.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (word, None),
        };
        let ip: IpAddr = address
            .parse()
            .map_err(|_| format!("{word:?} is no address and no network (such as 10.0.0.0/8)"))?;
        let bits_max = if ip.is_ipv4() { 32 } else { 128 };
        let is_number = |bits: &str| !bits.is_empty() && bits.bytes().all(|it| it.is_ascii_digit());
        let bits = match bits {
            None => bits_max,
            Some(text) => (text.parse().ok())
                .filter(|&bits: &u32| is_number(text) && bits <= bits_max)
                .ok_or_else(|| format!("{word:?}: the length of the network is 0 to {bits_max}"))?,
        };
        let hosts = match bits_max - bits {
            128 => u128::MAX,
            free => (1 << free) - 1,
        };
        let first = place_of(ip);
        if first & hosts != 0 {
            let meant = ip_at(first & !hosts, ip);
            return Err(format!(
                "{word:?} is an address within a network; the network is {meant}/{bits}"
            ));
        }
        // An IPv4 network that is written as IPv6 is the former.
        let is_v4 = ip.to_canonical().is_ipv4() && bits_max - bits <= 32;
        let last = first | hosts;
        Ok(Network { first, last, is_v4 })
    }
}

fn place_of(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

/// The address at that place, written as `like` is.
fn ip_at(place: u128, like: IpAddr) -> IpAddr {
    let ip = IpAddr::V6(Ipv6Addr::from_bits(place));
    match like {
        IpAddr::V4(_) => ip.to_canonical(),
        IpAddr::V6(_) => ip,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn trusted(words: &[&str]) -> TrustedPeers {
        TrustedPeers::parse(words).unwrap()
    }

    fn trusts(words: &[&str], ip: &str) -> bool {
        trusted(words).trusts_ip(ip.parse().unwrap())
    }

    #[test]
    fn addresses_and_networks_are_matched() {
        let words = [
            "127.0.0.1",
            "10.0.0.0/8",
            "2001:db8::/33",
            "::1",
            "192.0.2.128/25",
        ];
        for ip in [
            "127.0.0.1",
            "10.255.0.1",
            "2001:db8:7fff::1",
            "::1",
            "192.0.2.128",
            "192.0.2.255",
            "::ffff:10.1.2.3",
        ] {
            assert!(trusts(&words, ip), "{ip}");
        }
        for ip in [
            "127.0.0.2",
            "11.0.0.0",
            "9.255.255.255",
            "2001:db8:8000::1",
            "::2",
            "192.0.2.127",
            "192.0.3.0",
            "::10.1.2.3",
        ] {
            assert!(!trusts(&words, ip), "{ip}");
        }
    }

    #[test]
    fn a_network_of_all_addresses_is_of_one_family() {
        assert!(trusts(&["0.0.0.0/0"], "203.0.113.7"));
        assert!(trusts(&["0.0.0.0/0"], "::ffff:203.0.113.7"));
        assert!(!trusts(&["0.0.0.0/0"], "2001:db8::1"));
        assert!(trusts(&["::/0"], "2001:db8::1"));
        assert!(!trusts(&["::/0"], "203.0.113.7"));
        assert!(trusts(&["::ffff:10.0.0.0/104"], "10.1.2.3"));
    }

    #[test]
    fn everyone_and_unix_sockets_are_words() {
        let tcp = Address::Tcp("203.0.113.7:5".parse().unwrap());
        let unix = Address::Unix(Some(Path::new("/run/app.sock").into()));
        assert!(trusted(&["*"]).trusts(&tcp) && trusted(&["*"]).trusts(&unix));
        assert!(
            trusted(&["unix"]).trusts(&unix) && trusted(&["unix"]).trusts(&Address::Unix(None))
        );
        assert!(!trusted(&["unix"]).trusts(&tcp) && !trusted(&["203.0.113.7"]).trusts(&unix));
        assert!(!trusted(&[]).trusts(&tcp) && !trusted(&[]).trusts(&unix));
        assert!(!trusted(&["*"]).trusts(&Address::Unknown));
    }

    #[test]
    fn what_is_neither_is_refused_with_what_was_meant() {
        let refused = |word: &str| TrustedPeers::parse(&[word]).unwrap_err().to_string();
        for word in ["", "proxy.local", "10.0.0", "[::1]", "127.0.0.1:80"] {
            assert!(
                refused(word).contains("is no address and no network"),
                "{word}"
            );
        }
        for word in [
            "10.0.0.0/33",
            "10.0.0.0/8/8",
            "::/129",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.0/-1",
            "1.0.0.0/a",
        ] {
            assert!(refused(word).contains("length of the network"), "{word}");
        }
        assert!(refused("10.1.2.3/8").ends_with("the network is 10.0.0.0/8"));
        assert!(refused("2001:db8::1/32").ends_with("the network is 2001:db8::/32"));
    }
}
