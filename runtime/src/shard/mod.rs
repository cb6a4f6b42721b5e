//! One core's life: its connections, their exchanges, its clock, buffers and counters. Knows no engine and no Python.

pub(crate) mod answer_part;
pub(crate) mod both_ends;
pub(crate) mod choice;
pub(crate) mod clock;
pub(crate) mod connection_table;
pub(crate) mod driver;
pub(crate) mod hand_off;
pub(crate) mod host;
pub(crate) mod http_driver;
pub(crate) mod log_gate;
pub(crate) mod mailbox;
pub(crate) mod refusal_words;
pub(crate) mod websocket_driver;
pub(crate) mod workbench;
