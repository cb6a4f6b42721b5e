//! What Python tells a server: the settings object of `turbo_shard.settings`, read once by its attributes. Its table has
//! checked every value, and is the only place that has defaults.

use std::fs::File;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use log::LevelFilter;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use turbo_shard_runtime::protocol::websocket::WebSocketSettings;
use turbo_shard_runtime::protocol::{ChosenLines, LimitSettings, Limits, LineRefused};
use turbo_shard_runtime::{
    AccessLog, AccessLogSettings, AccessLogTarget, Balance, Bind, ClientCertificates,
    CompressionLevel, CompressionRules, ConcurrencyLimit, EdgeConfig, EngineChoice, EngineName,
    FileMount, FileMountSettings, LineFormat, Mode, OwnPath, RequestIdField, ServerConfig,
    SkippedPath, Steering, Tls, TlsPaths, TlsSettings, TlsVersion, TrustedPeers, allowed_cores,
};

use super::bind_setting::{BindSetting, file_mode};
use super::chosen_word::chosen;
use super::header_setting::{HeaderLine, header_lines, line_refused, server_line};
use super::log_queue::{self, RequestTaker};
use super::logging::LogFormat;
use super::metrics_setting::MetricsSetting;
use super::{redirect_setting, tls_setting};
use crate::native::read_mount;
use crate::python::errors::StartError;
use crate::python::names;
use crate::wsgi::InlineRule;

/// A field for each setting that is used here, by the setting's name.
#[derive(FromPyObject)]
pub(crate) struct Settings {
    host: String,
    port: u16,
    bind: Vec<BindSetting>,
    #[pyo3(from_py_with = file_mode)]
    unix_mode: u32,
    backlog: u32,

    ssl_certfile: Vec<PathBuf>,
    ssl_keyfile: Vec<PathBuf>,
    ssl_keyfile_password: Option<String>,
    #[pyo3(from_py_with = tls_setting::version)]
    ssl_min_version: TlsVersion,
    ssl_self_signed: bool,
    ssl_ca_certs: Option<PathBuf>,
    ssl_crl: Vec<PathBuf>,
    #[pyo3(from_py_with = tls_setting::client_certificates)]
    ssl_cert_reqs: ClientCertificates,
    #[pyo3(attribute("ssl_handshake_timeout"), from_py_with = milliseconds)]
    ssl_handshake_timeout_ms: u64,
    redirect_http: Option<String>,

    shards: Option<NonZeroUsize>,
    #[pyo3(from_py_with = mode)]
    mode: Mode,
    #[pyo3(from_py_with = engine)]
    engine: EngineChoice,
    pin: bool,
    #[pyo3(from_py_with = balance)]
    balance: Balance,
    #[pyo3(from_py_with = steering)]
    steer: Steering,
    rebalance: bool,

    proxy_headers: bool,
    #[pyo3(from_py_with = trusted_peers)]
    forwarded_allow_ips: TrustedPeers,

    pub(crate) lifespan: String,
    pub(crate) root_path: String,
    pub(crate) pathsend: bool,
    pub(crate) fastapi: String,

    connections_max: usize,
    limit_concurrency: Option<NonZeroUsize>,
    #[pyo3(attribute("graceful_timeout"), from_py_with = milliseconds)]
    graceful_timeout_ms: u64,
    #[pyo3(attribute("keep_alive_timeout"), from_py_with = milliseconds)]
    keep_alive_timeout_ms: u64,
    #[pyo3(attribute("head_timeout"), from_py_with = milliseconds)]
    head_timeout_ms: u64,
    #[pyo3(attribute("body_timeout"), from_py_with = milliseconds)]
    body_timeout_ms: u64,
    #[pyo3(attribute("write_timeout"), from_py_with = milliseconds)]
    write_timeout_ms: u64,
    http2: bool,
    http2_streams_max: u32,
    body_max: u64,
    head_max: usize,
    head_fields_max: usize,
    url_max: usize,

    pub(crate) blocking_threads: NonZeroUsize,
    pub(crate) blocking_queue_max: usize,
    pub(crate) wsgi_threads: Option<NonZeroUsize>,
    #[pyo3(from_py_with = inline_rule)]
    pub(crate) wsgi_inline: InlineRule,

    #[pyo3(attribute("ws_ping_interval"), from_py_with = milliseconds)]
    ws_ping_interval_ms: u64,
    #[pyo3(attribute("ws_ping_timeout"), from_py_with = milliseconds)]
    ws_ping_timeout_ms: u64,
    ws_message_max: usize,
    ws_deflate: bool,

    request_id: Option<String>,
    access_log: Option<String>,
    access_log_format: String,
    access_log_skip: Vec<String>,
    #[pyo3(attribute("access_log_slow"), from_py_with = milliseconds)]
    access_log_slow_ms: u64,
    #[pyo3(from_py_with = header_lines)]
    header: Vec<HeaderLine>,
    #[pyo3(from_py_with = server_line)]
    server_header: Option<Vec<u8>>,
    date_header: bool,

    #[pyo3(attribute("static"), from_py_with = mounts)]
    mounts: Vec<FileMountSettings>,

    compress: bool,
    compress_min_bytes: u64,
    compress_types: Vec<String>,
    #[pyo3(from_py_with = compression_level)]
    compress_level: CompressionLevel,

    #[pyo3(from_py_with = level)]
    pub(crate) log_level: LevelFilter,
    #[pyo3(from_py_with = log_format)]
    pub(crate) log_format: LogFormat,
    stats_socket: Option<String>,
    metrics: Option<String>,
    #[pyo3(attribute("livez_timeout"), from_py_with = milliseconds)]
    livez_timeout_ms: u64,
}

impl Settings {
    fn binds(&self) -> Vec<Bind> {
        let mut binds = match self.bind.is_empty() {
            true => vec![Bind::tcp(&*self.host, self.port)],
            false => (self.bind.iter().map(|bind| bind.bind(self.unix_mode))).collect(),
        };
        for bind in &mut binds {
            bind.options.speaks_tls = self.speaks_tls();
        }
        binds
    }

    /// The routes of requests are told apart somewhere.
    pub(crate) fn names_routes(&self) -> bool {
        self.metrics.is_some() || self.access_log.is_some()
    }

    fn speaks_tls(&self) -> bool {
        self.ssl_self_signed || !self.ssl_certfile.is_empty()
    }

    /// None where listeners speak without TLS.
    fn tls(&self, inherited: Option<File>) -> PyResult<Option<Tls>> {
        let settings = TlsSettings {
            paths: TlsPaths {
                pairs: tls_setting::pairs(&self.ssl_certfile, &self.ssl_keyfile),
                is_self_signed: self.ssl_self_signed,
                client_cas: self.ssl_ca_certs.iter().cloned().collect(),
                crls: self.ssl_crl.clone(),
            },
            key_password: self.ssl_keyfile_password.clone(),
            min_version: self.ssl_min_version,
            client_certificates: self.ssl_cert_reqs,
            offers_http2: self.http2,
            handshake_timeout_ms: self.ssl_handshake_timeout_ms,
        };
        let opened = self
            .speaks_tls()
            .then(|| tls_setting::open(settings, inherited));
        opened.transpose()
    }

    /// Opens the access log, and reads the files of TLS if they are not `inherited`.
    pub(crate) fn server_config(&self, inherited: Option<File>) -> PyResult<ServerConfig> {
        let metrics = self.metrics.as_deref().map(MetricsSetting::read);
        let metrics = metrics.transpose()?;
        let redirect = self.redirect_http.as_deref().map(redirect_setting::read);
        Ok(ServerConfig {
            mode: self.mode,
            engine: self.engine,
            shards: self
                .shards
                .unwrap_or_else(|| allowed_cores().default_shards()),
            pin: self.pin,
            balance: self.balance,
            steering: self.steer,
            rebalance: self.rebalance,
            binds: self.binds(),
            tls: self.tls(inherited)?,
            redirect: redirect.transpose()?,
            backlog: self.backlog,
            limits: Limits::new(LimitSettings {
                head_bytes_max: self.head_max,
                header_fields_max: self.head_fields_max,
                target_bytes_max: self.url_max,
                body_bytes_max: self.body_max,
                head_timeout_ms: self.head_timeout_ms,
                body_timeout_ms: self.body_timeout_ms,
                keep_alive_timeout_ms: self.keep_alive_timeout_ms,
                write_timeout_ms: self.write_timeout_ms,
                http2_streams_max: match self.http2 {
                    true => self.http2_streams_max,
                    false => 0,
                },
            }),
            websocket: WebSocketSettings {
                ping_interval_ms: self.ws_ping_interval_ms,
                ping_timeout_ms: self.ws_ping_timeout_ms,
                message_bytes_max: self.ws_message_max,
                deflate: self.ws_deflate,
            },
            connections_max: self.connections_max,
            graceful_timeout_ms: self.graceful_timeout_ms,
            chosen_lines: self.chosen_lines().map_err(line_refused)?,
            edge: EdgeConfig {
                measures_latency: self.metrics.is_some(),
                redirects_to: None,
                own_path: metrics
                    .as_ref()
                    .and_then(|it| it.path.as_deref())
                    .map(OwnPath::new),
                concurrency: self.limit_concurrency.map(ConcurrencyLimit::new),
                reads_forwarded: self.proxy_headers,
                trusted_peers: self.forwarded_allow_ips.clone(),
                mounts: self.open_mounts()?,
                compression: self.compression(),
                request_ids: self.request_ids()?,
                access_log: self.open_access_log()?,
            },
            uring_without: Vec::new(),
            sends_pulses: self.stats_socket.is_some() || self.metrics.is_some(),
            metrics: metrics.map(|it| it.place),
            livez_timeout_ms: self.livez_timeout_ms,
        })
    }

    fn request_ids(&self) -> PyResult<Option<RequestIdField>> {
        let field = |name: &String| {
            let wrong =
                || PyValueError::new_err(format!("request_id: {name:?} is no field's name"));
            RequestIdField::new(name).ok_or_else(wrong)
        };
        self.request_id.as_ref().map(field).transpose()
    }

    fn compression(&self) -> Option<Arc<CompressionRules>> {
        self.compress.then(|| {
            Arc::new(CompressionRules {
                bytes_min: self.compress_min_bytes,
                types: self.compress_types.clone(),
                level: self.compress_level,
            })
        })
    }

    fn open_mounts(&self) -> PyResult<Vec<Arc<FileMount>>> {
        let open = |settings: &FileMountSettings| {
            let mount = FileMount::open(settings.clone()).map_err(|error| {
                let directory = settings.directory.display();
                StartError::new_err(format!("the directory {directory}: {error}"))
            })?;
            Ok(Arc::new(mount))
        };
        self.mounts.iter().map(open).collect()
    }

    fn open_access_log(&self) -> PyResult<Option<AccessLog>> {
        let Some(target) = &self.access_log else {
            return Ok(None);
        };
        // A file is asked for: then it is not for Python's logging.
        let is_for_python = target == "-" && log_queue::takes_requests();
        let id = self.request_id.as_deref().unwrap_or("x-request-id");
        let format = LineFormat::parse(&self.access_log_format, id, is_for_python)
            .map_err(|error| StartError::new_err(format!("access_log_format: {error}")))?;
        let skipped = self.access_log_skip.iter();
        let settings = AccessLogSettings {
            format,
            skip: skipped.map(|path| SkippedPath::parse(path)).collect(),
            slow: Duration::from_millis(self.access_log_slow_ms),
        };
        let target = match target.as_str() {
            "-" if is_for_python => AccessLogTarget::Taker(Arc::new(RequestTaker)),
            "-" => AccessLogTarget::Stdout,
            path => AccessLogTarget::File(path.into()),
        };
        AccessLog::open(settings, target)
            .map(Some)
            .map_err(|error| StartError::new_err(error.to_string()))
    }

    fn chosen_lines(&self) -> Result<ChosenLines, LineRefused> {
        let mut lines = ChosenLines::default();
        if !self.date_header {
            lines.leave_out_date();
        }
        if let Some(text) = &self.server_header {
            lines.set_server(text)?;
        }
        for HeaderLine { name, value } in &self.header {
            lines.push(name, value)?;
        }
        Ok(lines)
    }
}

fn mode(word: &Bound<'_, PyAny>) -> PyResult<Mode> {
    let modes = [Mode::Shard, Mode::Steal, Mode::Process];
    chosen(word, modes.map(|mode| (mode.to_string(), mode)))
}

fn engine(word: &Bound<'_, PyAny>) -> PyResult<EngineChoice> {
    let named = EngineName::ALL.map(|engine| (engine.to_string(), EngineChoice::Named(engine)));
    chosen(
        word,
        named
            .into_iter()
            .chain([("auto".into(), EngineChoice::Auto)]),
    )
}

fn balance(word: &Bound<'_, PyAny>) -> PyResult<Balance> {
    chosen(word, [("hash", Balance::Hash), ("least", Balance::Least)])
}

fn steering(word: &Bound<'_, PyAny>) -> PyResult<Steering> {
    chosen(
        word,
        [
            ("hash", Steering::Hash),
            ("cpu", Steering::Cpu),
            ("address", Steering::Address),
        ],
    )
}

fn trusted_peers(words: &Bound<'_, PyAny>) -> PyResult<TrustedPeers> {
    let words: Vec<PyBackedStr> = words.extract()?;
    TrustedPeers::parse(&words).map_err(|error| PyValueError::new_err(error.to_string()))
}

fn inline_rule(word: &Bound<'_, PyAny>) -> PyResult<InlineRule> {
    chosen(
        word,
        [
            ("auto", InlineRule::Auto),
            ("always", InlineRule::Always),
            ("never", InlineRule::Never),
        ],
    )
}

fn compression_level(word: &Bound<'_, PyAny>) -> PyResult<CompressionLevel> {
    chosen(
        word,
        [
            ("fast", CompressionLevel::Fast),
            ("balanced", CompressionLevel::Balanced),
            ("small", CompressionLevel::Small),
        ],
    )
}

fn level(word: &Bound<'_, PyAny>) -> PyResult<LevelFilter> {
    chosen(
        word,
        [
            // Nothing of ours is as bad as that.
            ("critical", LevelFilter::Off),
            ("error", LevelFilter::Error),
            ("warning", LevelFilter::Warn),
            ("warn", LevelFilter::Warn),
            ("info", LevelFilter::Info),
            ("debug", LevelFilter::Debug),
            ("trace", LevelFilter::Trace),
        ],
    )
}

fn log_format(word: &Bound<'_, PyAny>) -> PyResult<LogFormat> {
    chosen(word, LogFormat::ALL)
}

fn mounts(texts: &Bound<'_, PyAny>) -> PyResult<Vec<FileMountSettings>> {
    texts.try_iter()?.map(|text| mount(&text?)).collect()
}

/// What a text such as `/static=public` says of a directory.
fn mount(text: &Bound<'_, PyAny>) -> PyResult<FileMountSettings> {
    // A worker process gets the texts alone.
    read_mount(&names::MOUNT.find(text.py())?.call1((text,))?)
}

fn milliseconds(seconds: &Bound<'_, PyAny>) -> PyResult<u64> {
    let seconds: f64 = seconds.extract()?;
    if seconds.is_finite() && seconds >= 0.0 {
        Ok((seconds * 1000.0).round() as u64)
    } else {
        Err(PyValueError::new_err(format!(
            "{seconds} is not a number of seconds"
        )))
    }
}
