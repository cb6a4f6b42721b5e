//! Answers scrapers and probes on a thread of its own, without the shards and without the app: it answers while they are
//! held. Knows neither shards nor processes, only who gives readings.

pub(crate) mod answers;
pub(crate) mod client;
pub(crate) mod link;
pub(crate) mod path_answers;
pub(crate) mod port;
pub(crate) mod workers;
