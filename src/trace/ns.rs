//! Time as integer nanoseconds. No duration passes through a double on its way in.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

/// A point in time or a length of time, in nanoseconds.
///
/// Arithmetic saturates: a hostile timestamp must not wrap into a plausible one.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Ns(pub i64);

impl Ns {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// Reads decimal microseconds, as Kineto writes them, without a double in between.
    ///
    /// Digits beyond the third decimal are rounded half away from zero. `None` for anything that is no
    /// finite decimal number in range: `NaN`, `inf`, `N/A`, hexadecimal, an empty text.
    ///
    /// ```
    /// use profgate::trace::Ns;
    /// assert_eq!(Ns::from_decimal_us("8388609.007"), Some(Ns(8_388_609_007)));
    /// ```
    pub fn from_decimal_us(text: &str) -> Option<Self> {
        let text = text.trim();
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (text.get(..at)?, text.get(at + 1..)?.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        // The value is `digits` times ten to the power of `scale`, in nanoseconds.
        let scale = 3_i64 + i64::from(exponent) - i64::try_from(fraction.len()).ok()?;
        let mut digits: i128 = 0;
        let mut dropped = 0_i64;
        for byte in whole.bytes().chain(fraction.bytes()) {
            if !byte.is_ascii_digit() {
                return None;
            }
            if digits < 1_000_000_000_000_000_000_000_000_000 {
                digits = digits * 10 + i128::from(byte - b'0');
            } else {
                dropped += 1;
            }
        }
        let magnitude = scale_by_ten(digits, scale + dropped)?;
        let value = i64::try_from(if negative { -magnitude } else { magnitude }).ok()?;
        Some(Self(value))
    }

    /// The same from bytes. Up to three decimals, as Kineto writes them, take a short way.
    #[inline]
    pub fn from_decimal_us_bytes(text: &[u8]) -> Option<Self> {
        match short_decimal(text) {
            Some(ns) => Some(Self(ns)),
            None => Self::from_decimal_us(std::str::from_utf8(text).ok()?),
        }
    }

    /// As microseconds, for people and baselines; never for further arithmetic on time.
    pub fn as_us(self) -> f64 {
        self.0 as f64 / 1e3
    }

    /// As milliseconds, for people.
    pub fn as_ms(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Nearest nanosecond to a number of microseconds that a person wrote.
    pub fn from_us(us: f64) -> Self {
        // The cast saturates, and NaN becomes zero.
        Self((us * 1e3).round() as i64)
    }
}

/// Thousandths of a decimal number of at most sixteen digits before the point and three behind it, which is what
/// the microseconds since 1970 take.
#[inline]
fn short_decimal(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 16 + 1 + 3 {
        return None;
    }
    // Nineteen digits fit.
    let mut value = 0_u64;
    // Decimals so far, once the point was met.
    let mut decimals: Option<usize> = None;
    for (count, byte) in text.iter().enumerate() {
        match (byte, &mut decimals) {
            (b'0'..=b'9', None) if count >= 16 => return None,
            (b'0'..=b'9', None) => {}
            (b'0'..=b'9', Some(3)) => return None,
            (b'0'..=b'9', Some(decimals)) => *decimals += 1,
            (b'.', None) if count > 0 => {
                decimals = Some(0);
                continue;
            }
            _ => return None,
        }
        value = value * 10 + u64::from(byte - b'0');
    }
    let factor = [1000, 100, 10, 1].get(decimals.unwrap_or(0)).copied().unwrap_or(1);
    i64::try_from(value.checked_mul(factor)?).ok()
}

fn scale_by_ten(digits: i128, scale: i64) -> Option<i128> {
    if digits == 0 {
        return Some(0);
    }
    if scale >= 0 {
        let factor = 10_i128.checked_pow(u32::try_from(scale).ok()?)?;
        return digits.checked_mul(factor);
    }
    let Some(divisor) = u32::try_from(-scale).ok().and_then(|power| 10_i128.checked_pow(power)) else {
        return Some(0);
    };
    Some((digits + divisor / 2) / divisor)
}

impl Add for Ns {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Ns {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl AddAssign for Ns {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Ns {
    fn sum<I: Iterator<Item = Self>>(values: I) -> Self {
        values.fold(Self::ZERO, Add::add)
    }
}

/// A half-open interval of time: it holds its start and not its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First instant inside.
    pub start: Ns,
    /// First instant after; never before `start`.
    pub end: Ns,
}

impl Span {
    /// An interval from its start and a length that is not negative.
    pub fn new(start: Ns, length: Ns) -> Self {
        Self { start, end: start + length.max(Ns::ZERO) }
    }

    /// How long it is.
    pub fn length(self) -> Ns {
        self.end - self.start
    }

    /// Whether an instant lies inside; the very start does.
    pub fn contains(self, at: Ns) -> bool {
        self.start <= at && at < self.end
    }

    /// Whether another interval lies wholly inside; an equal one does.
    pub fn encloses(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_microseconds_become_exact_nanoseconds() {
        for (text, ns) in [
            ("8388609.007", 8_388_609_007),
            ("1712195495505582.988", 1_712_195_495_505_582_988),
            ("9223372036854775.807", i64::MAX),
            ("0", 0),
            ("-0.001", -1),
            (".5", 500),
            ("5.", 5_000),
            ("1.0005", 1_001),
            ("-1.0005", -1_001),
            ("1.00049999999999999999999999999", 1_000),
            ("1e3", 1_000_000),
            ("1.5E-2", 15),
            ("0e999999", 0),
            ("1e-99999", 0),
        ] {
            assert_eq!(Ns::from_decimal_us(text), Some(Ns(ns)), "{text}");
        }
    }

    #[test]
    fn what_is_no_finite_number_is_no_time() {
        for text in ["", ".", "-", "NaN", "inf", "N/A", "0x10", "1.2.3", "1e", "9e99", "1e999999999999", "１"]
        {
            assert_eq!(Ns::from_decimal_us(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn three_decimals_are_an_identity(ns in proptest::num::i64::ANY) {
            let sign = if ns < 0 { "-" } else { "" };
            let magnitude = i128::from(ns).abs();
            let text = format!("{sign}{}.{:03}", magnitude / 1000, magnitude % 1000);
            proptest::prop_assert_eq!(Ns::from_decimal_us(&text), Some(Ns(ns)));
        }

        #[test]
        fn no_text_panics_and_both_ways_agree(text in "\\PC*", number in "-?[0-9]{0,20}[.]?[0-9]{0,5}") {
            proptest::prop_assert_eq!(Ns::from_decimal_us_bytes(text.as_bytes()), Ns::from_decimal_us(&text));
            proptest::prop_assert_eq!(Ns::from_decimal_us_bytes(number.as_bytes()), Ns::from_decimal_us(&number));
        }
    }
}
