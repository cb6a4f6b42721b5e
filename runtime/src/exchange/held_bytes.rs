//! A large piece of a body that is sent from where it lies. Knows neither its sender nor its receiver.

use std::fmt;

/// What is copied of [`HeldBytes`] at a time.
const BIT_BYTES: usize = 64 * 1024;

/// A large piece of a body that stays where it is and is copied bit by bit, as the peer reads: it exists in memory only
/// once, and no thread waits for the peer. May be dropped on any thread, outside of any lock.
pub struct HeldBytes {
    owner: Box<dyn AsRef<[u8]> + Send>,
    taken: usize,
}

impl HeldBytes {
    /// Holds what `owner` has.
    pub fn new(owner: impl AsRef<[u8]> + Send + 'static) -> HeldBytes {
        HeldBytes {
            owner: Box::new(owner),
            taken: 0,
        }
    }

    /// What has not been taken.
    pub fn rest(&self) -> &[u8] {
        &(*self.owner).as_ref()[self.taken..]
    }

    /// Takes the next bit.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let rest = self.rest();
        let bit = rest[..rest.len().min(BIT_BYTES)].to_vec();
        self.taken += bit.len();
        bit
    }
}

impl fmt::Debug for HeldBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeldBytes({} to come)", self.rest().len())
    }
}
