//! A server as Python holds it, and what is served there. Names its modules only.
//!
//! `server_object` is the Python class, `settings` what it is told, `bind_setting` one place to listen, `header_setting`
//! lines for every answer, `metrics_setting` where metrics are given, `tls_setting` the TLS of all listeners,
//! `chosen_word` one of some words. `python_app` is the app as the runtime knows it,
//! `served_app` how its instances come to be, `python_service` what one thread calls; `pool_threads` are the threads of the
//! blocking pool, `local_server` serves without threads and sockets. `life` holds what outlives the runtime, `at_exit` how
//! the process ends, `worker_link` the line to the supervisor of process mode. `service_manager` tells systemd of a stop.
//! `logging` and `log_writer` write the server's own lines, `log_queue` gives them to Python, `report_rows` its counters as
//! rows.

pub(crate) mod at_exit;
pub(crate) mod bind_setting;
mod chosen_word;
mod header_setting;
pub(crate) mod life;
pub(crate) mod local_server;
pub(crate) mod log_queue;
pub(crate) mod log_writer;
pub(crate) mod logging;
mod metrics_setting;
pub(crate) mod pool_threads;
pub(crate) mod python_app;
pub(crate) mod python_service;
mod redirect_setting;
pub(crate) mod report_rows;
pub(crate) mod served_app;
pub(crate) mod server_object;
pub(crate) mod service_manager;
pub(crate) mod settings;
pub(crate) mod tls_setting;
pub(crate) mod worker_link;
