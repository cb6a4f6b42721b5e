//! The PROXY protocol, versions 1 and 2 (HAProxy's specification, revision of 2020/03/05): what a proxy sends before the first
//! byte of a connection, to say who has connected to it. Sans-IO; whose word counts is the caller's.

mod crc32c;
mod header;
mod tlv;
mod v1;
mod v2;
mod values;

pub use values::{ProxyEnds, ProxyFacts, ProxyFault, ProxyHeader, ProxyParse};
