//! What every TLS connection of a server begins with.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use ::ring::digest::{SHA256, digest};
use parking_lot::RwLock;
use rustix::fs::{MemfdFlags, memfd_create};
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{NoServerSessionStorage, ServerConnection};
use rustls::{ServerConfig, SupportedProtocolVersion, version};

use crate::connection_info::{Alpn, MadeOnce, TlsFacts};
use crate::start_error::StartError;
use crate::tls::certificate::{CertificateFacts, pem};
use crate::tls::client_certificates::{self, ClientCertificates};
use crate::tls::files::{Stamp, TlsFiles, TlsPaths};
use crate::tls::pair::Pair;
use crate::tls::pair_choice::PairChoice;
use crate::tls::tickets::{TicketSeed, Tickets};

/// Handshakes that may be in flight in one process; a connection beyond them is closed before it costs more.
/// Worst case: 4,096 x 80 KiB, if every peer has a handshake message of 64 KiB on its way; usually they hold 10 KiB each.
pub(crate) const HANDSHAKES_IN_FLIGHT_MAX: usize = 4096;

/// The oldest version of TLS that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2 and 1.3.
    Tls12,
    /// TLS 1.3 alone.
    Tls13,
}

/// What a user says of TLS.
#[derive(Clone)]
pub struct TlsSettings {
    /// The files.
    pub paths: TlsPaths,
    /// Opens encrypted private keys.
    pub key_password: Option<String>,
    /// The oldest version.
    pub min_version: TlsVersion,
    /// What clients are asked for.
    pub client_certificates: ClientCertificates,
    /// HTTP/2 is offered to clients.
    pub offers_http2: bool,
    /// How long a handshake may take.
    pub handshake_timeout_ms: u64,
}

/// TLS as a server speaks it; all clones are one.
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    settings: TlsSettings,
    current: RwLock<Arc<Current>>,
    handshakes_in_flight: AtomicUsize,
}

/// What new connections begin with.
struct Current {
    files: TlsFiles,
    config: Arc<ServerConfig>,
    pairs: Arc<PairChoice>,
    tickets: Arc<Tickets>,
}

impl Tls {
    /// Reads the files, and refuses what no client could be served with.
    pub fn new(settings: TlsSettings) -> Result<Tls, StartError> {
        let files = TlsFiles::read(&settings.paths)?;
        let seed = TicketSeed::new().ok_or_else(|| {
            StartError::new("TLS cannot be spoken: this machine has no randomness")
        })?;
        Tls::of(settings, files, seed)
    }

    fn of(settings: TlsSettings, files: TlsFiles, seed: TicketSeed) -> Result<Tls, StartError> {
        let current = Current::new(files, &settings, seed)?;
        Ok(Tls(Arc::new(Inner {
            settings,
            current: RwLock::new(Arc::new(current)),
            handshakes_in_flight: AtomicUsize::new(0),
        })))
    }

    /// For a worker process, a file without a name: what was read, which it may not be able to read itself, and the keys of
    /// tickets, so that clients resume at any worker. A worker that starts late gets files as they are by then.
    pub fn hand_over(&self) -> io::Result<OwnedFd> {
        if self.files_have_changed() {
            self.renew();
        }
        let current = self.current();
        let seed = current.tickets.seed();
        let mut bytes = seed.step.to_le_bytes().to_vec();
        bytes.extend_from_slice(&seed.secret);
        current.files.put_into(&mut bytes);
        let mut file = File::from(memfd_create(c"tls", MemfdFlags::CLOEXEC)?);
        file.write_all(&bytes)?;
        file.rewind()?;
        Ok(file.into())
    }

    /// What [`hand_over`](Tls::hand_over) has written.
    pub fn take_over(settings: TlsSettings, mut file: File) -> Result<Tls, StartError> {
        let wrong = || StartError::new("what the supervisor has read for TLS did not come over");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|_| wrong())?;
        let (step, rest) = bytes.split_first_chunk().ok_or_else(wrong)?;
        let (secret, mut rest) = rest.split_first_chunk().ok_or_else(wrong)?;
        let seed = TicketSeed {
            secret: *secret,
            step: u64::from_le_bytes(*step),
        };
        let files = TlsFiles::take_from(&mut rest).ok_or_else(wrong)?;
        Tls::of(settings, files, seed)
    }

    fn current(&self) -> Arc<Current> {
        Arc::clone(&self.0.current.read())
    }

    pub(crate) fn files_have_changed(&self) -> bool {
        self.current().files.have_changed()
    }

    /// Tells the log if renewed files could not be read: a directory that may not be entered hides that they change.
    pub(crate) fn tell_if_forbidden(&self) {
        if let Some(path) = self.current().files.forbidden() {
            log::warn!(
                "this user may not read {}, so certificates that are renewed are not taken; restart the server after a renewal",
                path.display()
            );
        }
    }

    pub(crate) fn stamps_now(&self) -> Vec<Option<Stamp>> {
        self.current().files.stamps_now()
    }

    /// Reads the files again. New connections begin with them; if they cannot be used, with what was there before.
    pub(crate) fn renew(&self) {
        let before = self.current();
        let settings = &self.0.settings;
        let made = TlsFiles::read(&settings.paths)
            .and_then(|files| Current::new(files, settings, before.tickets.seed()));
        match made {
            Ok(current) => {
                log::info!("certificates have changed: {}", current.pairs);
                *self.0.current.write() = Arc::new(current);
            }
            Err(error) => log::error!("certificates have changed, the old ones stay: {error}"),
        }
    }

    pub(crate) fn handshake_timeout_ms(&self) -> u64 {
        self.0.settings.handshake_timeout_ms
    }

    /// A place for one more handshake, if there is one.
    pub(crate) fn place(&self) -> Option<HandshakePlace> {
        let before = self.0.handshakes_in_flight.fetch_add(1, Ordering::Relaxed);
        let place = HandshakePlace(self.clone());
        // A place that is not taken is given back by its drop.
        (before < HANDSHAKES_IN_FLIGHT_MAX).then_some(place)
    }

    /// The server's end of a new connection.
    pub(crate) fn session(&self) -> Result<ServerConnection, rustls::Error> {
        ServerConnection::new(Arc::clone(&self.current().config))
    }

    /// What is known of a connection whose handshake is over.
    pub(crate) fn facts(&self, session: &ServerConnection) -> TlsFacts {
        let shown = session.peer_certificates().unwrap_or_default();
        let pairs = &self.current().pairs;
        TlsFacts {
            version: session.protocol_version().map_or(0, u16::from),
            cipher_suite: session
                .negotiated_cipher_suite()
                .map_or(0, |suite| u16::from(suite.suite())),
            alpn: session.alpn_protocol().and_then(Alpn::of),
            server_name: session.server_name().map(Box::from),
            server_certificate: pairs
                .of(session.server_name())
                .map_or_else(|| "".into(), |pair| Arc::clone(&pair.pem)),
            client_certificates: shown.iter().map(|one| pem(one)).collect(),
            client_name: shown
                .first()
                .and_then(|own| CertificateFacts::of(own))
                .map(|facts| facts.subject.into()),
            asks_clients: self.0.settings.client_certificates != ClientCertificates::None,
            told: MadeOnce::default(),
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The files hold private keys.
        f.debug_tuple("Tls").field(&self.current().pairs).finish()
    }
}

impl Current {
    fn new(
        files: TlsFiles,
        settings: &TlsSettings,
        seed: TicketSeed,
    ) -> Result<Current, StartError> {
        let provider = Arc::new(ring::default_provider());
        let pairs = Arc::new(read_pairs(&files, settings, &provider)?);
        let asked = settings.client_certificates;
        let verifier = client_certificates::verifier(
            asked,
            &files.client_cas,
            &files.crls,
            Arc::clone(&provider),
        )?;
        let tickets = Arc::new(Tickets::new(seed, rules_of_clients(asked, &files)));
        let cannot = |error| StartError::new(format!("TLS cannot be spoken: {error}"));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions(settings.min_version))
            .map_err(cannot)?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::clone(&pairs) as _);
        let offered = Alpn::offered(settings.offers_http2);
        config.alpn_protocols = offered.map(|alpn| alpn.name().to_vec()).collect();
        // A cache of sessions would be a lock that all shards share; tickets are kept by the clients.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = Arc::clone(&tickets) as _;
        // Early data can be replayed by anyone who has seen it.
        config.max_early_data_size = 0;
        Ok(Current {
            files,
            config: Arc::new(config),
            pairs,
            tickets,
        })
    }
}

/// A handshake that is counted among those in flight, until this is dropped.
pub(crate) struct HandshakePlace(Tls);

impl Drop for HandshakePlace {
    fn drop(&mut self) {
        let in_flight = &self.0.0.handshakes_in_flight;
        in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

fn read_pairs(
    files: &TlsFiles,
    settings: &TlsSettings,
    provider: &CryptoProvider,
) -> Result<PairChoice, StartError> {
    let now = SystemTime::now();
    let password = settings.key_password.as_deref();
    let pairs = files.pairs.chunks_exact(2);
    let pairs = pairs.map(|pair| Pair::read(&pair[0], &pair[1], password, provider, now));
    Ok(PairChoice::new(pairs.collect::<Result<_, _>>()?))
}

static SINCE_1_2: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];
static SINCE_1_3: [&SupportedProtocolVersion; 1] = [&version::TLS13];

fn versions(oldest: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    match oldest {
        TlsVersion::Tls12 => &SINCE_1_2,
        TlsVersion::Tls13 => &SINCE_1_3,
    }
}

/// A client that was admitted by other rules does not resume: its certificate might be refused now.
fn rules_of_clients(asked: ClientCertificates, files: &TlsFiles) -> Vec<u8> {
    let mut rules = vec![asked as u8];
    for file in files.client_cas.iter().chain(&files.crls) {
        rules.extend_from_slice(digest(&SHA256, &file.bytes).as_ref());
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection_info::{cipher_suite_name, tls_version_name};

    #[test]
    fn all_that_is_spoken_has_a_name() {
        for suite in ring::default_provider().cipher_suites {
            let number = suite.suite();
            let name = format!("{number:?}").replace("TLS13_", "TLS_");
            assert_eq!(cipher_suite_name(u16::from(number)), name);
        }
        for version in SINCE_1_2 {
            assert_ne!(tls_version_name(u16::from(version.version)), "-");
        }
    }
}
