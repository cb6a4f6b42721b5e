//! Parts of io_uring that a kernel may lack, and sets of them. Plain values: asks no kernel.

use std::fmt;

/// A part of io_uring that is used where the kernel has it, and done without elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UringFeature {
    /// One thread submits, which saves locks (Linux 6.0).
    SingleIssuer,
    /// Completions are made when they are asked for, never in between (Linux 6.1; needs `SingleIssuer`).
    DeferTaskrun,
    /// Completions do not interrupt the thread (Linux 5.19). Without it they do.
    CoopTaskrun,
    /// No array of indices between the queue and its entries (Linux 6.6).
    NoSqArray,
    /// The ring is entered by an index instead of a descriptor (Linux 5.18).
    RegisteredRing,
    /// One receive operation brings all that a peer sends (Linux 6.0). Without it each receive is asked for.
    MultishotReceive,
    /// Receives share a buffer, each takes what it needs (Linux 6.12). Without it each takes a whole one.
    IncrementalBuffers,
}

impl fmt::Display for UringFeature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            UringFeature::SingleIssuer => "single issuer (6.0)",
            UringFeature::DeferTaskrun => "deferred task work (6.1)",
            UringFeature::CoopTaskrun => "cooperative task work (5.19)",
            UringFeature::NoSqArray => "no submission array (6.6)",
            UringFeature::RegisteredRing => "registered ring (5.18)",
            UringFeature::MultishotReceive => "multishot receive (6.0)",
            UringFeature::IncrementalBuffers => "incremental buffers (6.12)",
        })
    }
}

/// All of them.
pub const URING_FEATURES: [UringFeature; 7] = [
    UringFeature::SingleIssuer,
    UringFeature::DeferTaskrun,
    UringFeature::CoopTaskrun,
    UringFeature::NoSqArray,
    UringFeature::RegisteredRing,
    UringFeature::MultishotReceive,
    UringFeature::IncrementalBuffers,
];

/// A set of features.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Features(u8);

impl Features {
    /// Whether this one is in it.
    pub fn has(self, feature: UringFeature) -> bool {
        self.0 & (1 << feature as u8) != 0
    }

    /// The same with one more.
    pub fn with(self, feature: UringFeature) -> Features {
        Features(self.0 | 1 << feature as u8)
    }

    /// The same without some, and without what needs them.
    pub fn without(self, missing: &[UringFeature]) -> Features {
        let mut left = missing
            .iter()
            .fold(self.0, |left, feature| left & !(1 << *feature as u8));
        if left & (1 << UringFeature::SingleIssuer as u8) == 0 {
            left &= !(1 << UringFeature::DeferTaskrun as u8);
        }
        Features(left)
    }
}

impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(
                URING_FEATURES
                    .into_iter()
                    .filter(|feature| self.has(*feature)),
            )
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deferred_work_needs_a_single_issuer() {
        let all = URING_FEATURES
            .into_iter()
            .fold(Features::default(), Features::with);
        assert!(all.has(UringFeature::DeferTaskrun));
        let left = all.without(&[UringFeature::SingleIssuer]);
        assert!(!left.has(UringFeature::DeferTaskrun));
        assert!(left.has(UringFeature::CoopTaskrun));
    }

    #[test]
    fn every_feature_has_a_bit_of_its_own() {
        for feature in URING_FEATURES {
            let set = Features::default().with(feature);
            assert_eq!(
                URING_FEATURES.iter().filter(|one| set.has(**one)).count(),
                1
            );
        }
    }
}
