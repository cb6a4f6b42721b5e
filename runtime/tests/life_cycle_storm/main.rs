//! A storm of connections that live and end in every way, on every arm of the engine contract: split writes,
//! half-closes, resets in each state, unread answers, shards that die with operations in flight. Nothing may remain.
//!
//! Each act follows from its seed. TURBO_SHARD_STORM_SEED begins the storm there, TURBO_SHARD_STORM_SECONDS makes it
//! longer, TURBO_SHARD_STORM_ENGINE keeps it to one engine (`make stress`).

mod acts;
mod dice;
mod last_words;
#[path = "../engine_contract/test_app.rs"]
mod test_app;
#[path = "../engine_contract/test_server.rs"]
#[expect(dead_code, reason = "the contract's tests do more with it")]
mod test_server;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use acts::{Client, Deaths, answer_held};
use dice::Dice;
use test_server::{Arm, TestServer, arms};
use turbo_shard_runtime::{EngineName, Mode};

const SHARDS: usize = 2;
/// The connections, the listener and the hosted loop.
const GLOMMIO_WATCHES: usize = 3;
/// Clients at once.
const CLIENTS: usize = 48;
/// Acts between two deaths of a shard, on average.
const ACTS_PER_DEATH: u64 = 400;
/// Between two looks at what the app holds.
const ANSWERING_PAUSE: Duration = Duration::from_micros(300);
/// Longer than any client waits.
const PATIENCE_MS: u64 = 60_000;
/// How long a storm on all arms takes unless told otherwise.
const SECONDS_DEFAULT: f64 = 4.0;

#[test]
fn a_storm_leaves_nothing_behind() {
    let seed = setting("TURBO_SHARD_STORM_SEED").unwrap_or_else(seed_of_now);
    let seconds =
        setting("TURBO_SHARD_STORM_SECONDS").map_or(SECONDS_DEFAULT, |seconds| seconds as f64);
    let engine = std::env::var("TURBO_SHARD_STORM_ENGINE").ok();
    let is_wanted = |arm: &Arm| {
        engine
            .as_ref()
            .is_none_or(|engine| *engine == arm.engine.to_string())
    };
    let arms: Vec<Arm> = arms().filter(is_wanted).collect();
    assert!(!arms.is_empty(), "no arm has the engine {engine:?}");
    // The panics of shards that die on purpose are no news.
    std::panic::set_hook(Box::new(print_unless_on_purpose));
    last_words::listen();
    println!("storm of seed {seed}, {seconds} s on {} arms", arms.len());
    for arm in &arms {
        println!("{arm:?}");
        let length = Duration::from_secs_f64(seconds / arms.len() as f64);
        println!("  {}", storm(*arm, seed, length));
    }
}

/// Returns what happened, in a line.
fn storm(arm: Arm, seed: u64, length: Duration) -> String {
    let server = TestServer::with(arm, SHARDS, |config| {
        config.graceful_timeout_ms = 1000;
        // A client that the machine does not let run is not slow: it is wrong to cut it off.
        let limits = &mut config.limits;
        limits.head_timeout_ms = PATIENCE_MS;
        limits.body_timeout_ms = PATIENCE_MS;
        limits.keep_alive_timeout_ms = PATIENCE_MS;
        limits.write_timeout_ms = PATIENCE_MS;
        limits.half_close_timeout_ms = PATIENCE_MS;
    });
    let (acts, deaths) = (AtomicU64::new(0), Deaths::default());
    let is_over = AtomicBool::new(false);
    let wrongs = Mutex::new(Vec::new());
    // What is made once, when it is first needed, is there after the first acts.
    for act in 0..20 {
        let wrong = Client {
            server: &server,
            deaths: &deaths,
        }
        .play(&mut Dice::new(seed ^ act));
        assert_eq!(wrong, Ok(()), "{arm:?}, seed {seed}");
        answer_held(&server, &mut Dice::new(act));
    }
    settle(&server, seed);
    let descriptors = open_descriptors();
    let end = Instant::now() + length;
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while Instant::now() < end && wrongs.lock().unwrap().is_empty() {
                    let act = acts.fetch_add(1, Ordering::Relaxed);
                    let mut dice = Dice::new(seed.wrapping_add(act));
                    if arm.mode == Mode::Shard && act % ACTS_PER_DEATH == ACTS_PER_DEATH - 1 {
                        deaths.order(&server);
                    }
                    if let Err(wrong) = (Client {
                        server: &server,
                        deaths: &deaths,
                    })
                    .play(&mut dice)
                    {
                        wrongs
                            .lock()
                            .unwrap()
                            .push(format!("act {act} of seed {seed} on {arm:?}: {wrong}"));
                    }
                }
                is_over.store(true, Ordering::SeqCst);
            });
        }
        scope.spawn(|| {
            let mut dice = Dice::new(seed);
            while !is_over.load(Ordering::SeqCst) {
                answer_held(&server, &mut dice);
                // The core is the server's and its clients'.
                std::thread::park_timeout(ANSWERING_PAUSE);
            }
        });
    });
    let wrongs = wrongs.into_inner().unwrap();
    assert!(
        wrongs.is_empty(),
        "{}\nthe server's last words:\n{}",
        wrongs.join("\n"),
        last_words::heard()
    );
    deaths.countermand(&server);
    settle(&server, seed);
    until(
        "every death that was ordered is counted",
        &server,
        seed,
        || server.restarts() == deaths.ordered(),
    );
    // glommio 0.9 leaves an eventfd behind with each executor that ends. What a shard on it waits for is a duplicate,
    // which may have been there or not when they were counted.
    let left_behind = match arm.engine {
        EngineName::Glommio => deaths.ordered() as usize + SHARDS * GLOMMIO_WATCHES,
        _ => 0,
    };
    until("the storm's descriptors are closed", &server, seed, || {
        open_descriptors() <= descriptors + left_behind
    });
    server.handle.stop();
    let seen = Arc::clone(&server.seen);
    server
        .join()
        .unwrap_or_else(|error| panic!("{arm:?}, seed {seed}: {error}"));
    // A held reply knows what holds it.
    drop(std::mem::take(&mut *seen.held.lock().unwrap()));
    drop(std::mem::take(&mut *seen.conversations.lock().unwrap()));
    // A shard that dies takes at most one act of each client with it.
    let (deaths, cut_off) = (deaths.ordered(), deaths.cut_off());
    assert!(
        cut_off <= deaths * CLIENTS as u64,
        "{deaths} deaths cut off {cut_off} clients; seed {seed}"
    );
    let acts = acts.into_inner();
    format!("{acts} acts, {deaths} deaths of a shard that cut off {cut_off} clients")
}

/// Waits for all connections to be gone and every request to be answered, and asks once more.
fn settle(server: &TestServer, seed: u64) {
    let mut dice = Dice::new(seed);
    until("the connections are gone", server, seed, || {
        answer_held(server, &mut dice);
        server.open_connections() == 0
    });
    until("the server answers", server, seed, || {
        acts::says_hello(server)
    });
    until("that connection is gone, too", server, seed, || {
        server.open_connections() == 0
    });
}

fn until(what: &str, server: &TestServer, seed: u64, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(
            start.elapsed() < test_server::HANG,
            "waited in vain until {what}; seed {seed}; {}; the server's last words:\n{}",
            state_of(server),
            last_words::heard()
        );
        std::thread::yield_now();
    }
}

/// What tells a connection that is stuck from one that was miscounted: the counters, and the sockets that there are.
fn state_of(server: &TestServer) -> String {
    let port = format!(":{:04X} ", server.address.port());
    let sockets = std::fs::read_to_string("/proc/self/net/tcp").unwrap_or_default();
    let own: Vec<_> = sockets.lines().filter(|row| row.contains(&port)).collect();
    let held = server.seen.held.lock().unwrap().len();
    let conversations = server.seen.conversations.lock().unwrap().len();
    format!(
        "{:?}; {} restarts; {held} replies and {conversations} WebSockets held; sockets:\n{}",
        server.handle.counts(),
        server.restarts(),
        own.join("\n")
    )
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is {value:?}, not a number")),
    )
}

fn seed_of_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .subsec_nanos()
        .into()
}

fn print_unless_on_purpose(panic: &std::panic::PanicHookInfo<'_>) {
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    if !text.is_some_and(|text| text.contains("on purpose")) {
        eprintln!("{panic}");
    }
}
