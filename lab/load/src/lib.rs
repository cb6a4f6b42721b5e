//! turbo-load: a load generator that checks the status and body of every answer, keeps to its schedule whatever the server
//! does, and says so when it was slow itself.
//!
//! What is sent and what must come back ([`template`], [`request`], [`answer`], [`websocket`], [`mix`]) knows no sockets.
//! A [`worker`] is one thread with its connections, whose bytes a [`transport`] moves ([`epoll`] or [`uring`]); [`closed_loop`] and [`open_loop`] say when it sends, and know nothing of
//! options or output. [`arrivals`] is the open loop's schedule. [`bottleneck`] decides whether latencies may be reported.
//!
//! # What the figures mean
//!
//! A closed loop asks again when it was answered: its rate is what the server can do, and its latency says how long an
//! answer takes at that rate. When the server stalls, it waits too, and the stall is one slow answer among thousands.
//! An open loop asks when a request is due. Latency counts from then: a stall makes every request late that was due in
//! it ("coordinated omission" is the name for leaving them out). `offered_per_second` is what was due,
//! `achieved_per_second` what was answered; where they differ, the server could not keep up, and the latency grows with
//! the length of the run and means nothing more than that.
//!
//! The generator's own delays are told apart from the server's: `send_lag_us` is the time from when a request was due *and*
//! a connection free until it was sent. If that is too large a part of the latency, or a thread had no time left, no
//! latency is reported at all. The bounds stand in [`bottleneck`].
#![deny(unsafe_code)]

pub mod alarm;
pub mod answer;
pub mod arrivals;
pub mod bottleneck;
pub mod channel;
pub mod checker;
mod chunks;
pub mod closed_loop;
pub mod command;
pub mod difference;
pub mod epoll;
pub mod exchange;
pub mod failure;
pub mod flow;
pub mod handshake;
pub mod help;
pub mod http2;
pub mod idle;
pub mod idle_plan;
pub mod io_choice;
pub mod link;
pub mod load_run;
mod malformed;
pub mod mix;
pub mod mix_file;
pub mod open_loop;
pub mod option_values;
pub mod options;
pub mod phases;
pub mod plan;
pub mod process;
pub mod report;
pub mod request;
pub mod slow_reading;
pub mod tally;
pub mod template;
pub mod tls;
pub mod transport;
pub mod uring;
#[allow(unsafe_code)]
mod uring_operations;
pub mod websocket;
pub mod worker;
