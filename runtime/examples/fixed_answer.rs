//! Serves one fixed answer from a Rust [`Service`]: what an engine can do when the application costs nothing.
//!
//! It is the upper bound that `make bench-smoke` compares Python handlers with, so its answer has the size and the
//! headers of `/users/1234` of examples/multi_route_app.py.
//!
//!     cargo run --release -p turbo-shard-runtime --example fixed_answer -- --engine tokio --shards 1 --port 0

use std::num::NonZeroUsize;
use std::process::ExitCode;

use turbo_shard_runtime::protocol::HeaderLines;
use turbo_shard_runtime::{
    App, Bind, BoundServer, Caller, EngineChoice, EngineName, Exchange, Mode, Outcome, Place,
    ServerConfig, Service, StartError, URING_FEATURES, UringFeature,
};

const USAGE: &str = "fixed_answer [--engine auto|tokio|glommio|uring] [--mode shard|steal] [--shards N] [--host ADDRESS] \
                     [--port PORT] [--body TEXT] [--uring-without FEATURE]... (as IncrementalBuffers)";
/// The answer to GET /users/1234, byte for byte.
const BODY: &str = r#"{"user_id":1234,"name":"User 1234","email":"user1234@example.com"}"#;

struct FixedApp {
    host: String,
    port: u16,
    body: Vec<u8>,
}

struct FixedService {
    lines: HeaderLines,
    body: Vec<u8>,
}

impl App for FixedApp {
    type Service = FixedService;

    fn service(&self, _place: Place) -> Result<FixedService, StartError> {
        let mut lines = HeaderLines::new();
        lines
            .push(b"content-type", b"application/json")
            .map_err(|error| StartError::new(error.to_string()))?;
        Ok(FixedService {
            lines,
            body: self.body.clone(),
        })
    }
}

impl Service for FixedService {
    fn call(&self, exchange: &mut Exchange<'_>) -> Outcome {
        exchange
            .response
            .whole(200, &self.lines, &self.body)
            .expect("a plain answer is well formed");
        Outcome::Answered
    }
}

fn main() -> ExitCode {
    match settings().and_then(serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fixed_answer: {error}");
            ExitCode::from(2)
        }
    }
}

fn serve((config, app): (ServerConfig, FixedApp)) -> Result<(), StartError> {
    let server = BoundServer::bind(config)?;
    let report = server.report().clone();
    let address = report.addresses[0].clone();
    server.run(app, Caller::Supervises, true, || {
        let (mode, engine, pid) = (report.mode, report.engine, std::process::id());
        eprintln!(
            "fixed_answer: mode {mode}, engine {engine}, cores {:?}",
            report.shard_cores
        );
        eprintln!("fixed_answer ready on http://{address} (pid {pid})");
    })
}

fn settings() -> Result<(ServerConfig, FixedApp), StartError> {
    let mut config = ServerConfig {
        shards: NonZeroUsize::MIN,
        ..ServerConfig::sample()
    };
    let mut app = FixedApp {
        host: "127.0.0.1".into(),
        port: 0,
        body: BODY.into(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments
            .next()
            .ok_or_else(|| StartError::new(format!("{name} lacks a value; {USAGE}")))?;
        set(&mut config, &mut app, &name, value)
            .ok_or_else(|| StartError::new(format!("{name} is not understood; {USAGE}")))?;
    }
    config.binds = vec![Bind::tcp(&*app.host, app.port)];
    Ok((config, app))
}

fn set(config: &mut ServerConfig, app: &mut FixedApp, name: &str, value: String) -> Option<()> {
    match name {
        "--engine" => {
            config.engine = match value.as_str() {
                "auto" => EngineChoice::Auto,
                name => EngineChoice::Named(EngineName::parse(name)?),
            }
        }
        "--mode" => {
            config.mode = match value.as_str() {
                "shard" => Mode::Shard,
                "steal" => Mode::Steal,
                _ => return None,
            }
        }
        "--shards" => config.shards = value.parse().ok()?,
        "--host" => app.host = value,
        "--port" => app.port = value.parse().ok()?,
        "--body" => app.body = value.into_bytes(),
        "--uring-without" => {
            let is_named = |feature: &UringFeature| format!("{feature:?}") == value;
            config
                .uring_without
                .push(URING_FEATURES.into_iter().find(is_named)?);
        }
        _ => return None,
    }
    Some(())
}
