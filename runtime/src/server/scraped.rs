//! Who is given a server's metrics: a port for scrapers, in the process mode for all workers together, or a worker's
//! supervisor. Knows nothing of how the server runs.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{EngineName, MetricsPlace, Mode, ServerConfig};
use crate::exposition::page::PageMaker;
use crate::exposition::reading::LifeStage;
use crate::net::children::OwnAddress;
use crate::net::tcp_group::{GroupSize, bind_group};
use crate::scrape::answers::{Answers, Source};
use crate::scrape::link::ReadingLink;
use crate::scrape::port::MetricsPort;
use crate::scrape::workers::{Worker, Workers};
use crate::server::handle::ServerHandle;
use crate::start_error::StartError;

/// Scrapers that may wait to be accepted.
const BACKLOG: u32 = 16;

/// What answers, until it is dropped.
pub(crate) enum Scraped {
    Nowhere,
    Port {
        port: MetricsPort,
        workers: Arc<Workers>,
        /// What a forked child must not keep.
        _own: OwnAddress,
    },
    Link(#[expect(dead_code, reason = "it answers until it is dropped")] ReadingLink),
}

impl Scraped {
    /// Answers from now on, where the settings ask for it.
    pub(crate) fn start(
        config: &ServerConfig,
        engine: EngineName,
        handle: &ServerHandle,
    ) -> Result<Scraped, StartError> {
        let handle = handle.clone();
        let own: Source = Box::new(move || handle.reading());
        match &config.metrics {
            None => Ok(Scraped::Nowhere),
            Some(MetricsPlace::Link(path)) => {
                let link = ReadingLink::start(path, own);
                link.map(Scraped::Link)
                    .map_err(|error| StartError::new(format!("metrics: {error}")))
            }
            Some(MetricsPlace::Port { host, port }) => {
                let workers = Arc::<Workers>::default();
                let of_all = Arc::clone(&workers);
                let answers = Answers {
                    source: match config.mode {
                        Mode::Process => Box::new(move || of_all.reading()),
                        Mode::Shard | Mode::Steal => own,
                    },
                    pages: PageMaker::new(config.mode.to_string(), engine.to_string()),
                    unheard_max: Duration::from_millis(config.livez_timeout_ms),
                };
                let refused = |error: String| StartError::new(format!("metrics: {error}"));
                let size = GroupSize {
                    count: 1,
                    backlog: BACKLOG,
                };
                let listener = bind_group(host, *port, size, false)
                    .map_err(|error| refused(error.to_string()))?;
                let listener = listener.into_iter().next();
                let listener = listener.ok_or_else(|| refused(String::from("no listener")))?;
                let _own = OwnAddress::claim(&listener);
                let port = MetricsPort::start(listener.into(), answers)
                    .map_err(|error| refused(error.to_string()))?;
                Ok(Scraped::Port {
                    port,
                    workers,
                    _own,
                })
            }
        }
    }

    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Scraped::Port { port, .. } => Some(port.address),
            Scraped::Nowhere | Scraped::Link(_) => None,
        }
    }

    /// What there is to be asked in the process mode.
    pub(crate) fn set_workers(&self, stage: LifeStage, workers: Vec<(Option<PathBuf>, bool)>) {
        if let Scraped::Port { workers: known, .. } = self {
            let workers = workers.into_iter();
            let workers = workers.map(|(link, serves)| Worker { link, serves });
            known.set(stage, workers.collect());
        }
    }
}
