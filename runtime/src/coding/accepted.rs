//! Which content codings a client takes, by its `accept-encoding` (RFC 9110 section 12.5.3). Knows no other field.

use turbo_shard_protocol::RequestHead;

use crate::coding::content_coding::ContentCoding;

/// Weights in thousandths; 0 is a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    weights: [u16; ContentCoding::ALL.len()],
    identity: u16,
}

/// The largest weight, which is also that of an element without one.
const WEIGHT_MAX: u16 = 1000;

impl Accepted {
    /// What a client takes that says nothing: by the letter of the RFC any coding, but such clients are simple ones.
    const IDENTITY: Accepted = Accepted {
        weights: [0; ContentCoding::ALL.len()],
        identity: WEIGHT_MAX,
    };

    pub(crate) fn of(head: &RequestHead<'_>) -> Accepted {
        let mut fields = head.headers().filter_map(|(name, value)| {
            let is_it = name.len() == 15 && name.eq_ignore_ascii_case(b"accept-encoding");
            is_it.then_some(value)
        });
        let Some(first) = fields.next() else {
            return Accepted::IDENTITY;
        };
        let mut said = Said::default();
        said.read(first);
        fields.for_each(|value| said.read(value));
        said.meaning()
    }

    #[cfg(test)]
    pub(crate) fn of_value(value: &[u8]) -> Accepted {
        let mut said = Said::default();
        said.read(value);
        said.meaning()
    }

    /// The coding to send among those that there are: the heaviest, then the first of `order`. None is the plain body, which
    /// also goes out where the client refuses everything: a server need not answer 406 (RFC 9110 section 12.5.3).
    pub(crate) fn choose(
        &self,
        order: impl IntoIterator<Item = ContentCoding>,
    ) -> Option<ContentCoding> {
        let mut best = None;
        // A client that prefers the plain body gets it; one that weighs both the same gets the smaller one.
        let mut best_weight = self.identity.max(1) - 1;
        for coding in order {
            let weight = self.weights[coding.index()];
            if weight > best_weight {
                (best, best_weight) = (Some(coding), weight);
            }
        }
        best
    }
}

/// The elements as they were said; the first of a name counts.
#[derive(Default)]
struct Said {
    weights: [Option<u16>; ContentCoding::ALL.len()],
    identity: Option<u16>,
    any: Option<u16>,
}

impl Said {
    fn read(&mut self, value: &[u8]) {
        for element in value.split(|&byte| byte == b',') {
            let mut parts = element.split(|&byte| byte == b';');
            let name = parts.next().unwrap_or_default().trim_ascii();
            let weight = parts.find_map(weight).unwrap_or(WEIGHT_MAX);
            let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
            let place = if let Some(coding) = ContentCoding::ALL
                .into_iter()
                .find(|coding| is(coding.name()))
            {
                &mut self.weights[coding.index()]
            } else if is("x-gzip") {
                &mut self.weights[ContentCoding::Gzip.index()]
            } else if is("identity") {
                &mut self.identity
            } else if name == b"*" {
                &mut self.any
            } else {
                continue;
            };
            place.get_or_insert(weight);
        }
    }

    fn meaning(&self) -> Accepted {
        Accepted {
            weights: self.weights.map(|weight| weight.or(self.any).unwrap_or(0)),
            // Taken unless it is refused, but behind every coding that was named.
            identity: self
                .identity
                .or(self.any.filter(|&weight| weight == 0))
                .unwrap_or(1),
        }
    }
}

/// The thousandths of `q=0.5`; None if it is another parameter. What is no number refuses: nothing is sent that may not be
/// understood.
fn weight(parameter: &[u8]) -> Option<u16> {
    let [b'q' | b'Q', b'=', value @ ..] = parameter.trim_ascii() else {
        return None;
    };
    let (whole, decimals) = match value {
        [whole] => (whole, &[][..]),
        [whole, b'.', decimals @ ..] if decimals.len() <= 3 => (whole, decimals),
        _ => return Some(0),
    };
    if !decimals.iter().all(u8::is_ascii_digit) {
        return Some(0);
    }
    let digit = |place: usize| {
        decimals
            .get(place)
            .map_or(0, |digit| u16::from(digit - b'0'))
    };
    Some(match whole {
        b'1' => WEIGHT_MAX,
        b'0' => digit(0) * 100 + digit(1) * 10 + digit(2),
        _ => 0,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chosen(value: &str) -> &'static str {
        let mut said = Said::default();
        said.read(value.as_bytes());
        let coding = said.meaning().choose(ContentCoding::ALL);
        coding.map_or("identity", ContentCoding::name)
    }

    #[test]
    fn the_heaviest_is_chosen_and_the_server_decides_among_equals() {
        for (value, coding) in [
            ("", "identity"),
            ("gzip", "gzip"),
            ("GZIP", "gzip"),
            ("x-gzip", "gzip"),
            ("gzip, deflate, br, zstd", "br"),
            ("gzip, deflate", "gzip"),
            ("deflate", "identity"),
            ("br;q=0.5, gzip;q=0.8", "gzip"),
            ("br ; q=0.5 , gzip ; q=0.50", "br"),
            ("gzip;q=0", "identity"),
            ("*", "br"),
            ("*;q=0.1, br;q=0", "zstd"),
            ("*;q=0", "identity"),
            ("*;q=0, gzip", "gzip"),
            ("identity;q=0, gzip;q=0.1", "gzip"),
            ("identity;q=0", "identity"),
            ("identity, gzip;q=0.5", "identity"),
            ("identity;q=0.5, gzip;q=0.5", "gzip"),
            ("identity;q=0.5, gzip;q=0.4", "identity"),
            ("gzip;q=0.001", "gzip"),
            ("gzip;q=1.000", "gzip"),
            ("gzip;q=2", "identity"),
            ("gzip;q=x, br;q=0.1", "br"),
            ("gzip;q=0.1234", "identity"),
            ("gzip;q=", "identity"),
            ("gzip;level=9;q=0", "identity"),
            ("gzipped, bro", "identity"),
            ("gzip;q=0, gzip", "identity"),
        ] {
            assert_eq!(chosen(value), coding, "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn any_value_has_a_meaning(value in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut said = Said::default();
            said.read(&value);
            let accepted = said.meaning();
            prop_assert!(accepted.weights.iter().all(|&weight| weight <= WEIGHT_MAX));
            accepted.choose(ContentCoding::ALL);
        }
    }
}
