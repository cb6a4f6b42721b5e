//! HPACK (RFC 7541): how heads are written in HTTP/2. Knows no frames and no requests.
//!
//! Our own, because what there is either allocates for each field or has no bound on what a block becomes. The encoder
//! keeps no state, see `encoder.rs`; the decoder keeps the peer's table, see `dynamic_table.rs`.

pub(super) mod bad_block;
pub(super) mod decoder;
mod dynamic_table;
pub(super) mod encoder;
mod huffman;
mod integer;
mod static_table;
