//! Says which bound a refusal is about, and which option moves it. Knows no peers.

use std::fmt;

use turbo_shard_protocol::{Limits, Violation};

/// `request body too large; --body-max is 100 MiB`.
pub(crate) struct Refusal<'a> {
    pub(crate) violation: Violation,
    pub(crate) limits: &'a Limits,
}

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (violation, limits) = (self.violation, self.limits);
        write!(f, "{violation} ({})", violation.status())?;
        match violation {
            Violation::BodyTooLarge => {
                write!(f, "; --body-max is {}", Bytes(limits.body_bytes_max))
            }
            Violation::HeadTimeout => {
                write!(f, "; --head-timeout is {}", Seconds(limits.head_timeout_ms))
            }
            Violation::BodyTimeout => {
                write!(f, "; --body-timeout is {}", Seconds(limits.body_timeout_ms))
            }
            _ => Ok(()),
        }
    }
}

/// In the largest unit that leaves a whole number.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0;
        for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
            if bytes > 0 && bytes.trailing_zeros() >= shift {
                return write!(f, "{} {unit}", bytes >> shift);
            }
        }
        write!(f, "{bytes} bytes")
    }
}

/// With a fraction only where there is one.
pub(crate) struct Seconds(pub(crate) u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0 as f64 / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(violation: Violation, limits: &Limits) -> String {
        Refusal { violation, limits }.to_string()
    }

    #[test]
    fn bound_that_an_option_moves_is_told_with_the_option() {
        let mut limits = Limits {
            body_bytes_max: 100 * 1024 * 1024,
            head_timeout_ms: 10_000,
            body_timeout_ms: 1_500,
            ..Limits::sample()
        };
        assert_eq!(
            said(Violation::BodyTooLarge, &limits),
            "request body too large (413); --body-max is 100 MiB"
        );
        assert_eq!(
            said(Violation::HeadTimeout, &limits),
            "request head took too long (408); --head-timeout is 10 s"
        );
        assert_eq!(
            said(Violation::BodyTimeout, &limits),
            "request body took too long (408); --body-timeout is 1.5 s"
        );
        limits.body_bytes_max = 1000;
        assert!(said(Violation::BodyTooLarge, &limits).ends_with("--body-max is 1000 bytes"));
    }

    #[test]
    fn other_refusals_are_told_as_they_are() {
        let limits = Limits::sample();
        assert_eq!(
            said(Violation::HostMissing, &limits),
            "Host is missing (400)"
        );
    }
}
