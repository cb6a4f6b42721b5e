//! What TLS is spoken with: certificates and their keys, which of them a client is shown, what is asked of clients, and how
//! sessions are resumed. Knows no connections and moves no bytes.

pub(crate) mod certificate;
pub(crate) mod client_certificates;
pub(crate) mod context;
pub(crate) mod files;
pub(crate) mod pair;
pub(crate) mod pair_choice;
pub(crate) mod private_key;
pub(crate) mod renewal;
pub(crate) mod self_signed;
pub(crate) mod tickets;
