//! Numbers as people read them: one unit per column, a sign on every difference.

pub use crate::common::text::signed_percent;
use crate::common::text::{self, digits3, launches};
use crate::verdict::Finding;

/// The unit of a column of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUnit {
    /// Microseconds, one decimal.
    Micro,
    /// Milliseconds, three decimals.
    Milli,
    /// Seconds, three decimals.
    Second,
}

impl TimeUnit {
    /// The unit in which the largest of a column stays below five digits.
    pub fn of_column(column: impl IntoIterator<Item = i64>) -> Self {
        match column.into_iter().map(i64::unsigned_abs).max().unwrap_or(0) {
            0..10_000_000 => Self::Micro,
            10_000_000..10_000_000_000 => Self::Milli,
            10_000_000_000.. => Self::Second,
        }
    }

    /// Its symbol.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Micro => "µs",
            Self::Milli => "ms",
            Self::Second => "s",
        }
    }

    /// A time in this unit, without the symbol.
    pub fn number(self, ns: i64) -> String {
        match self {
            Self::Micro => format!("{:.1}", ns as f64 / 1e3),
            Self::Milli => format!("{:.3}", ns as f64 / 1e6),
            Self::Second => format!("{:.3}", ns as f64 / 1e9),
        }
    }
}

/// A time on its own, three significant digits and the unit that suits its size.
pub fn time(ns: i64) -> String {
    text::time(ns as f64)
}

/// A difference of times.
pub fn signed_time(ns: i64) -> String {
    text::signed_time(ns as f64)
}

/// A share with one decimal.
pub fn percent(share: f64) -> String {
    format!("{share:.1} %")
}

/// A finding's two numbers, ready to be set side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// `69.7 → 4250 µs/step`.
    pub pair: String,
    /// `+4180 µs (+6000.0 %)`; counts carry no percentage.
    pub change: String,
}

/// The figures of a finding; `None` when it has no numbers.
pub fn figures(finding: &Finding) -> Option<Figures> {
    let (before, after, moved) = (finding.before?, finding.after?, finding.change()?);
    let sign = if moved.by < 0.0 { "−" } else { "+" };
    let Some(per) = finding.unit.strip_prefix("us") else {
        let pair = format!("{} → {} {}", launches(before), launches(after), finding.unit);
        let change = format!("{sign}{}", launches(moved.by.abs()));
        return Some(Figures { pair: pair.trim_end().to_owned(), change });
    };
    let (scale, symbol) = if before.abs().max(after.abs()) < 10_000.0 { (1.0, "µs") } else { (1e3, "ms") };
    let pair = format!("{} → {} {symbol}{per}", digits3(before / scale), digits3(after / scale));
    let mut change = format!("{sign}{} {symbol}", digits3(moved.by.abs() / scale));
    if let Some(pct) = moved.pct {
        change.push_str(&format!(" ({})", signed_percent(pct)));
    }
    Some(Figures { pair, change })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Code;

    fn figures_of(before: f64, after: f64, unit: &str) -> Figures {
        figures(&Finding::new(Code::KernelSlower, "k", "m").with_numbers(before, after, unit)).unwrap()
    }

    #[test]
    fn a_column_has_the_unit_of_its_largest() {
        assert_eq!(TimeUnit::of_column([1_000, 9_999_999]), TimeUnit::Micro);
        assert_eq!(TimeUnit::of_column([1_000, 10_000_000]), TimeUnit::Milli);
        assert_eq!(TimeUnit::of_column([-20_000_000_000]), TimeUnit::Second);
        assert_eq!(TimeUnit::of_column([]), TimeUnit::Micro);
        assert_eq!(TimeUnit::Milli.number(12_345_678), "12.346");
    }

    #[test]
    fn differences_carry_their_sign() {
        assert_eq!(signed_time(4_180_000), "+4.18 ms");
        assert_eq!(signed_time(-700), "−0.7 µs");
        assert_eq!(time(1_500_000_000), "1.5 s");
        assert_eq!(signed_percent(-3.22), "−3.2 %");
        assert_eq!(signed_percent(0.02), "+0.02 %");
    }

    #[test]
    fn a_finding_shows_both_numbers_in_one_unit() {
        let time = figures_of(100.0, 125.5, "us/launch");
        assert_eq!((time.pair.as_str(), time.change.as_str()), ("100 → 126 µs/launch", "+25.5 µs (+25.5 %)"));
        let large = figures_of(9_000.0, 12_000.0, "us/step");
        assert_eq!(large.pair, "9 → 12 ms/step");
        let count = figures_of(48.0, 0.0, "fused/step");
        assert_eq!((count.pair.as_str(), count.change.as_str()), ("48 → 0 fused/step", "−48"));
        assert_eq!(figures_of(0.0, 2.0, "us/step").change, "+2 µs");
        assert_eq!(figures(&Finding::new(Code::KernelSlower, "k", "m")), None);
    }
}
