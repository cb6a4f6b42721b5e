//! What a server measures, at one moment, as values that travel between processes and as the text that scrapers read.
//! Knows neither where it comes from nor who asks.

pub(crate) mod catalogue;
pub(crate) mod page;
pub(crate) mod reading;
pub(crate) mod sample_lines;
