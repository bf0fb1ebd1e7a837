//! Deterministic noise: splitmix64, integers only, so that every machine draws the same.

/// A small generator of pseudo-random numbers. Not for secrets.
#[derive(Debug, Clone)]
pub(super) struct Rng(u64);

impl Rng {
    /// A generator for one purpose: equal parts draw equal numbers.
    pub(super) fn of(parts: &[u64]) -> Self {
        let mut rng = Self(0x5eed_0fa7_7ace_0001);
        for part in parts {
            rng.0 ^= *part;
            rng.0 = rng.next();
        }
        rng
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`; 0 when there is none.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 { 0 } else { self.next() % limit }
    }

    /// `value` give or take at most `permille` thousandths, the middle likelier than the ends.
    pub(super) fn around(&mut self, value: u64, permille: u32) -> u64 {
        let width = value.saturating_mul(u64::from(permille)) / 1000;
        let drawn = (self.below(width * 2 + 1) + self.below(width * 2 + 1)) / 2;
        (value + drawn).saturating_sub(width)
    }
}

/// A number that stands for a text (FNV-1a).
pub(super) fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
