//! A point in time as the protocol sees it: a number it is handed. Knows no clock.

/// Milliseconds of a monotonic clock whose origin the caller chooses.
///
/// Arithmetic saturates: a time-out of `u64::MAX` means "never", and two ticks in the wrong order are 0 ms apart.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Tick(u64);

impl Tick {
    /// The tick `millis` milliseconds after the caller's origin.
    pub const fn from_millis(millis: u64) -> Tick {
        Tick(millis)
    }

    /// Milliseconds since the caller's origin.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This tick moved `ms` milliseconds into the future, saturating.
    pub const fn after_ms(self, ms: u64) -> Tick {
        Tick(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this tick; 0 when `earlier` is in fact later.
    pub const fn since_ms(self, earlier: Tick) -> u64 {
        self.0.saturating_sub(earlier.0)
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
    fn ticks_in_the_wrong_order_are_no_time_apart() {
        assert_eq!(Tick::from_millis(5).since_ms(Tick::from_millis(9)), 0);
        assert_eq!(Tick::from_millis(9).since_ms(Tick::from_millis(5)), 4);
    }
}
