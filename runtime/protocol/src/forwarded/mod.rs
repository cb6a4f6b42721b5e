//! What proxies say of a request in its fields: `Forwarded` (RFC 7239) and `X-Forwarded-*`. Sans-IO; which addresses are
//! trusted is the caller's.

mod elements;
mod node;
mod word;
mod x_fields;

pub use node::Node;
pub use word::{Forwarded, split_port};
pub use x_fields::is_proxy_field;
