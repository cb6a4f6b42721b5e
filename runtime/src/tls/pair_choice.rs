//! Which certificate a client is shown: the one that is for the host which it has asked for.

use std::fmt;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::tls::certificate::date;
use crate::tls::pair::Pair;

/// The pairs of a server, in the order of its settings; never empty.
#[derive(Debug)]
pub(crate) struct PairChoice {
    pairs: Vec<Pair>,
}

impl PairChoice {
    pub(crate) fn new(pairs: Vec<Pair>) -> PairChoice {
        PairChoice { pairs }
    }

    /// The first that names the host; else the first of all, as a client that asks for none is shown: its user sees what is wrong.
    pub(crate) fn of(&self, host: Option<&str>) -> Option<&Pair> {
        let named = host.and_then(|host| self.pairs.iter().find(|pair| pair.facts.is_for(host)));
        named.or(self.pairs.first())
    }
}

impl fmt::Display for PairChoice {
    /// Whom they are for, and until when.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Pair { facts, .. }) in self.pairs.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let name = facts.host_names.first().unwrap_or(&facts.subject);
            write!(f, "{comma}{name} until {}", date(facts.not_after))?;
        }
        Ok(())
    }
}

impl ResolvesServerCert for PairChoice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let pair = self.of(hello.server_name())?;
        Some(Arc::clone(&pair.certified))
    }
}
