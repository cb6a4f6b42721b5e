//! One core's life: its connections, their exchanges, its clock, buffers and counters. Knows no engine and no Python.

pub(crate) mod accepting;
pub(crate) mod advance;
pub(crate) mod choice;
pub(crate) mod clock;
pub(crate) mod connection_table;
pub(crate) mod control;
pub(crate) mod conversation;
pub(crate) mod driver;
pub(crate) mod hand_off;
pub(crate) mod host;
pub(crate) mod hosted_turn;
pub(crate) mod log_gate;
pub(crate) mod mailbox;
pub(crate) mod server_lines;
pub(crate) mod transport;
pub(crate) mod workbench;
