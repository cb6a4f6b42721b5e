//! Who is given a server's metrics: scrapers, at a port or a path, in the process mode for all workers together, or a
//! worker's supervisor. Knows nothing of how the server runs.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::config::{EngineName, MetricsPlace, Mode, ServerConfig};
use crate::exposition::page::PageMaker;
use crate::exposition::reading::LifeStage;
use crate::net::children::OwnAddress;
use crate::net::tcp_group::{GroupSize, bind_group};
use crate::scrape::answers::{Answers, Source};
use crate::scrape::link::ReadingLink;
use crate::scrape::path_answers::{FallibleSource, PathAnswers};
use crate::scrape::port::MetricsPort;
use crate::scrape::workers::{Worker, Workers, reading_at};
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
    Path {
        _answers: PathAnswers,
    },
    /// The supervisor of the process mode, whose workers answer at a path.
    All {
        workers: Arc<Workers>,
        link: Mutex<Option<ReadingLink>>,
    },
    /// A worker.
    Link {
        _link: ReadingLink,
        _answers: Option<PathAnswers>,
    },
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
        let pages = PageMaker::new(config.mode.to_string(), engine.to_string());
        let refused = |error: io::Error| StartError::new(format!("metrics: {error}"));
        let answers_with = |source: FallibleSource| {
            let asked = config.edge.own_path.as_ref();
            let answers =
                asked.map(|path| PathAnswers::start(path.waiting().clone(), source, pages.clone()));
            answers.transpose().map_err(refused)
        };
        match &config.metrics {
            None => Ok(Scraped::Nowhere),
            Some(MetricsPlace::OwnPath) if config.mode == Mode::Process => Ok(Scraped::All {
                workers: Arc::default(),
                link: Mutex::default(),
            }),
            Some(MetricsPlace::OwnPath) => {
                let answers = answers_with(Box::new(move || Some(own())))?;
                Ok(answers.map_or(Scraped::Nowhere, |_answers| Scraped::Path { _answers }))
            }
            Some(MetricsPlace::Link { own: path, all }) => {
                let all = all.clone();
                Ok(Scraped::Link {
                    _link: ReadingLink::start(path, own).map_err(refused)?,
                    _answers: answers_with(Box::new(move || reading_at(&all)))?,
                })
            }
            Some(MetricsPlace::Port { host, port }) => {
                let workers = Arc::<Workers>::default();
                let of_all = Arc::clone(&workers);
                let answers = Answers {
                    source: match config.mode {
                        Mode::Process => Box::new(move || of_all.reading()),
                        Mode::Shard | Mode::Steal => own,
                    },
                    pages,
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
            Scraped::Nowhere
            | Scraped::Path { .. }
            | Scraped::All { .. }
            | Scraped::Link { .. } => None,
        }
    }

    /// What there is to be asked in the process mode.
    pub(crate) fn set_workers(&self, stage: LifeStage, workers: Vec<(Option<PathBuf>, bool)>) {
        if let Scraped::Port { workers: known, .. } | Scraped::All { workers: known, .. } = self {
            let workers = workers.into_iter();
            let workers = workers.map(|(link, serves)| Worker { link, serves });
            known.set(stage, workers.collect());
        }
    }

    /// Gives the readings of all workers, merged, at this Unix socket. Nothing happens where nobody asks for that.
    pub(crate) fn give_all(&self, path: &Path) -> io::Result<()> {
        if let Scraped::All { workers, link } = self {
            let of_all = Arc::clone(workers);
            *link.lock() = Some(ReadingLink::start(
                path,
                Box::new(move || of_all.reading()),
            )?);
        }
        Ok(())
    }
}
