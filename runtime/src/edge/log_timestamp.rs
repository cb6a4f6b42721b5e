//! Moments as the formats of logs write them, always in UTC: a local time is ambiguous once a year. Knows no clock.

use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const SECONDS_PER_DAY: u64 = 86_400;

/// A moment, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp {
    year: u64,
    month: u64,
    day: u64,
    second_of_day: u64,
    millisecond: u32,
}

impl Timestamp {
    /// What lies before 1970 counts as its beginning.
    pub fn of(moment: SystemTime) -> Timestamp {
        let since = moment.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let (year, month, day) = civil_date(since.as_secs() / SECONDS_PER_DAY);
        Timestamp {
            year,
            month,
            day,
            second_of_day: since.as_secs() % SECONDS_PER_DAY,
            millisecond: since.subsec_millis(),
        }
    }

    /// `2026-12-01T08:20:56.123Z`, as RFC 3339 has it.
    pub fn push_rfc3339(&self, out: &mut Vec<u8>) {
        let (hour, minute, second) = self.time();
        let _ = write!(
            out,
            "{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z",
            self.year, self.month, self.day, self.millisecond
        );
    }

    /// `01/Dec/2026:08:20:56 +0000`, as the common log format has it.
    pub fn push_common(&self, out: &mut Vec<u8>) {
        let (hour, minute, second) = self.time();
        let _ = write!(
            out,
            "{:02}/{}/{:04}:{hour:02}:{minute:02}:{second:02} +0000",
            self.day,
            MONTHS[self.month as usize - 1],
            self.year
        );
    }

    fn time(&self) -> (u64, u64, u64) {
        let second = self.second_of_day;
        (second / 3600, second / 60 % 60, second % 60)
    }
}

/// Year, month and day, so many days after the first of January 1970 (Howard Hinnant's `civil_from_days`: the year begins
/// in March, so that the leap day is its last).
fn civil_date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(seconds: u64, push: fn(&Timestamp, &mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        let moment = UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_millis(7);
        push(&Timestamp::of(moment), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn moments_are_written_as_the_standards_say() {
        let rfc3339 = |seconds| written(seconds, Timestamp::push_rfc3339);
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.007Z");
        assert_eq!(rfc3339(951_782_399), "2000-02-28T23:59:59.007Z");
        assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00.007Z");
        assert_eq!(rfc3339(1_796_113_256), "2026-12-01T08:20:56.007Z");
        assert_eq!(rfc3339(4_107_542_400), "2100-03-01T00:00:00.007Z");
        assert_eq!(
            written(1_796_113_256, Timestamp::push_common),
            "01/Dec/2026:08:20:56 +0000"
        );
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let mut before = civil_date(0);
        for days in 1..146_097 {
            let date = civil_date(days);
            let (year, month, day) = before;
            let follows = date == (year, month, day + 1)
                || date == (year, month + 1, 1) && day >= 28
                || date == (year + 1, 1, 1) && (month, day) == (12, 31);
            assert!(follows, "{before:?} {date:?}");
            before = date;
        }
    }
}
