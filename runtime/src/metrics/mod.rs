//! What threads count and measure about themselves. Knows neither engines nor connections.

pub(crate) mod busy_time;
pub(crate) mod cell;
pub(crate) mod collector;
pub(crate) mod counters;
pub(crate) mod declaration;
pub(crate) mod latency;
pub(crate) mod pulse;
pub(crate) mod route_names;
