//! turbo-load: a load generator that saturates a server from one core and checks the status and body of every answer.
//!
//! What is sent and what must come back ([`template`], [`request`], [`answer`], [`websocket`]) knows no sockets;
//! [`closed_loop`] and [`idle`] are two ways of driving connections and know nothing of options or output.
#![forbid(unsafe_code)]

pub mod answer;
pub mod checker;
pub mod closed_loop;
pub mod difference;
pub mod exchange;
pub mod failure;
pub mod handshake;
pub mod idle;
pub mod link;
pub mod option_values;
pub mod options;
pub mod process;
pub mod report;
pub mod request;
pub mod template;
pub mod websocket;
