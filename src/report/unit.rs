//! Numbers as people read them: one unit per column, a sign on every difference.

pub use crate::common::text::signed_percent;
use crate::common::text::{self, digits3, launches};
use crate::verdict::{Code, Finding, Price};

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

/// A finding's two numbers side by side: `69.7 → 4250 µs/step`; of several kernels, `3 kernels: 1540 → 5080 µs/step`.
///
/// `None` when it has no numbers.
pub fn pair(finding: &Finding) -> Option<String> {
    let (before, after) = (finding.before?, finding.after?);
    let numbers = match finding.unit.strip_prefix("us") {
        None => format!("{} → {} {}", launches(before), launches(after), finding.unit),
        Some(per) => {
            let (scale, symbol) =
                if before.abs().max(after.abs()) < 10_000.0 { (1.0, "µs") } else { (1e3, "ms") };
            format!("{} → {} {symbol}{per}", digits3(before / scale), digits3(after / scale))
        }
    };
    let numbers = numbers.trim_end();
    Some(match finding.rows_added_up() {
        0 | 1 => numbers.to_owned(),
        rows => format!("{}: {numbers}", text::count(rows as u64, "kernel")),
    })
}

/// What a finding costs a step: `+310 µs`. `not known` where it must cost something and no number tells; `None`
/// where a step does not pay for it.
pub fn price(finding: &Finding) -> Option<String> {
    if let Some(ns) = finding.price_ns {
        return Some(if ns == 0 { "nothing".to_owned() } else { signed_time(ns) });
    }
    match finding.code {
        Code::PathMissing
        | Code::PathPartial
        | Code::KernelForbidden
        | Code::KernelMissing
        | Code::LaunchesOutOfRange
        | Code::KernelVanished => Some("not known".to_owned()),
        _ => None,
    }
}

/// What the changed kernels of a stage cost a step; `None` where they cost nothing, or none changed.
pub fn changed_kernels(price: &Price) -> Option<String> {
    (price.structural_ns != 0).then(|| signed_time(price.structural_ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair_of(before: f64, after: f64, unit: &str) -> String {
        pair(&Finding::new(Code::KernelSlower, "k", "m").with_numbers(before, after, unit)).unwrap()
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
        assert_eq!(pair_of(100.0, 125.5, "us/launch"), "100 → 126 µs/launch");
        assert_eq!(pair_of(9_000.0, 12_000.0, "us/step"), "9 → 12 ms/step");
        assert_eq!(pair_of(48.0, 0.0, "fused/step"), "48 → 0 fused/step");
        assert_eq!(pair(&Finding::new(Code::KernelSlower, "k", "m")), None);
    }

    #[test]
    fn numbers_of_several_kernels_are_not_said_of_one() {
        let kernels = ["k", "l", "m"].map(str::to_owned).to_vec();
        let group = Finding::new(Code::StructureCostlier, "k", "m").with_kernels(kernels.clone());
        let text = pair(&group.with_numbers(1540.0, 5080.0, "us/step"));
        assert_eq!(text.as_deref(), Some("3 kernels: 1540 → 5080 µs/step"));
        let pattern = Finding::new(Code::LaunchesOutOfRange, "*", "m").with_kernels(kernels);
        let text = pair(&pattern.with_numbers(2.0, 144.0, "launches/step"));
        assert_eq!(text.as_deref(), Some("2 → 144 launches/step"));
    }

    #[test]
    fn a_price_is_said_or_said_not_to_be_known() {
        let of = |code| Finding::new(code, "k", "m");
        assert_eq!(price(&of(Code::PathMissing).costing(310_000.0)).as_deref(), Some("+310 µs"));
        assert_eq!(price(&of(Code::PathMissing).costing(0.0)).as_deref(), Some("nothing"));
        assert_eq!(price(&of(Code::PathMissing)).as_deref(), Some("not known"));
        assert_eq!(price(&of(Code::CaptureEmpty)), None);
    }
}
