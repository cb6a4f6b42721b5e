//! A point in time as the protocol sees it: a number it is handed. Knows no clock.

use std::num::NonZeroU64;

/// Milliseconds of a monotonic clock whose origin the caller chooses.
///
/// Arithmetic saturates: a time-out of `u64::MAX` means "never", and two ticks in the wrong order are 0 ms apart.
///
/// It holds one more than the milliseconds, so that an `Option` of it is no larger: a connection has many that are mostly
/// `None`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(NonZeroU64);

const _: () = assert!(size_of::<Option<Tick>>() == 8);

impl Tick {
    /// The tick `millis` milliseconds after the caller's origin.
    pub const fn from_millis(millis: u64) -> Tick {
        Tick(NonZeroU64::MIN.saturating_add(millis))
    }

    /// Milliseconds since the caller's origin.
    pub const fn as_millis(self) -> u64 {
        self.0.get() - 1
    }

    /// This tick moved `ms` milliseconds into the future, saturating.
    pub const fn after_ms(self, ms: u64) -> Tick {
        Tick(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this tick; 0 when `earlier` is in fact later.
    pub const fn since_ms(self, earlier: Tick) -> u64 {
        self.0.get().saturating_sub(earlier.0.get())
    }
}

impl Default for Tick {
    fn default() -> Tick {
        Tick::from_millis(0)
    }
}

#[cfg(test)]
mod tests {
    use super::Tick;

    #[test]
    fn never_is_reached_by_saturation() {
        assert_eq!(
            Tick::from_millis(5).after_ms(u64::MAX),
            Tick::from_millis(u64::MAX)
        );
    }

    #[test]
    fn a_tick_is_the_number_it_was_made_of() {
        assert_eq!(Tick::default().as_millis(), 0);
        for millis in [0, 1, 1 << 40, u64::MAX - 1] {
            assert_eq!(Tick::from_millis(millis).as_millis(), millis);
        }
    }

    #[test]
    fn ticks_in_the_wrong_order_are_no_time_apart() {
        assert_eq!(Tick::from_millis(5).since_ms(Tick::from_millis(9)), 0);
        assert_eq!(Tick::from_millis(9).since_ms(Tick::from_millis(5)), 4);
    }
}
