//! Days of the calendar, for facts that grow old and waivers that end.

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A day, written `2026-06-27`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// Days since 1970-01-01.
    days: i64,
}

impl Date {
    /// Reads `YYYY-MM-DD`; `None` when it is no day of the calendar.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut number = |digits: usize| -> Option<i64> {
            let part = parts.next()?;
            (part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit()))
                .then(|| part.parse().ok())
                .flatten()
        };
        let (year, month, day) = (number(4)?, number(2)?, number(2)?);
        if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        let date = Self { days: days_of(year, month, day) };
        // 31 April is 1 May by arithmetic, and no day that anybody meant.
        (date.to_string() == text).then_some(date)
    }

    /// Today, by the system's clock.
    pub fn today() -> Self {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self { days: i64::try_from(seconds / 86_400).unwrap_or(0) }
    }

    /// Days from here to a later day; negative when it lies before.
    pub fn days_until(self, later: Self) -> i64 {
        later.days - self.days
    }
}

/// Seconds since 1970 of a moment as the APIs of code hosts write it, `2026-11-24T10:00:01Z`; `None` when it is none, or
/// lies before.
pub fn seconds(text: &str) -> Option<u64> {
    let (day, time) = text.split_once('T')?;
    let at = time.find(['Z', '+', '-'])?;
    let (time, zone) = time.split_at_checked(at)?;
    let clock = |text: &str| -> Option<i64> {
        let mut parts = text.split(':').map(|part| part.parse::<u8>().ok().map(i64::from));
        let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
        let is_clock = parts.next().is_none() && hours < 24 && minutes < 60 && seconds <= 60;
        is_clock.then_some(hours * 3_600 + minutes * 60 + seconds)
    };
    // Parts of a second order nothing here.
    let of_day = clock(time.split_once('.').map_or(time, |(whole, _)| whole))?;
    let east = match zone.strip_prefix('+') {
        Some(offset) => clock(offset)?,
        None => zone.strip_prefix('-').map_or(Some(0), |offset| clock(offset).map(|west| -west))?,
    };
    u64::try_from(Date::parse(day)?.days * 86_400 + of_day - east).ok()
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The calendar's cycle is 400 years; years begin in March, so that a leap day ends one.
        let shifted = self.days + 719_468;
        let (cycle, of_cycle) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let of_year = (of_cycle - of_cycle / 1_460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
        let day_of_year = of_cycle - (365 * of_year + of_year / 4 - of_year / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = of_year + cycle * 400 + i64::from(month <= 2);
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Date {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Date".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date", "description": "A day, such as `2027-01-31`." })
    }
}

/// A text that is no day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no day of the form 2027-01-31")]
pub struct NoDate(String);

impl FromStr for Date {
    type Err = NoDate;

    fn from_str(text: &str) -> Result<Self, NoDate> {
        Self::parse(text).ok_or_else(|| NoDate(text.to_owned()))
    }
}

fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (cycle, of_cycle) = (year.div_euclid(400), year.rem_euclid(400));
    let from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * from_march + 2) / 5 + day - 1;
    let day_of_cycle = of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + day_of_year;
    cycle * 146_097 + day_of_cycle - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_in_any_zone() {
        for (text, want) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-11-24T10:00:01Z", Some(1_795_514_401)),
            ("2026-11-24T10:00:01.250Z", Some(1_795_514_401)),
            ("2026-11-24T12:00:01+02:00", Some(1_795_514_401)),
            ("2026-11-24T05:30:01-04:30", Some(1_795_514_401)),
            ("1969-12-31T00:00:00Z", None),
            ("2026-11-31T00:00:00Z", None),
            ("2026-11-24T25:00:00Z", None),
            ("2026-11-24", None),
            ("2026-11-24T10:00:01", None),
            ("noon", None),
        ] {
            assert_eq!(seconds(text), want, "{text}");
        }
    }

    #[test]
    fn days_are_counted_over_leap_years() {
        let day = |text| Date::parse(text).unwrap();
        assert_eq!(day("1970-01-01").days, 0);
        assert_eq!(day("2024-02-28").days_until(day("2024-03-01")), 2);
        assert_eq!(day("2026-02-28").days_until(day("2026-03-01")), 1);
        assert_eq!(day("2026-06-27").days_until(day("2026-11-24")), 150);
        assert_eq!(day("2026-11-24").days_until(day("2026-06-27")), -150);
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in ["2026-02-29", "2026-13-01", "2026-6-27", "27.06.2026", "2026-06-27-1", "", "2026-04-31"]
        {
            assert_eq!(Date::parse(text), None, "{text}");
        }
        for text in ["1969-12-31", "2000-02-29", "2026-06-27", "2099-12-31"] {
            assert_eq!(Date::parse(text).unwrap().to_string(), text);
        }
    }
}
