//! What a request's bytes say, for every interface. Names its modules only.
//!
//! `byte_pieces` keeps copies of them, `request_text` reads queries and cookies, `request_name` is for logs, `proxy_facts` is
//! what a proxy has sent before them, `tls_facts` what a handshake has come to.

pub(crate) mod byte_pieces;
pub(crate) mod proxy_facts;
pub(crate) mod request_name;
pub(crate) mod request_text;
#[cfg(test)]
pub(crate) mod test_request;
pub(crate) mod tls_facts;
