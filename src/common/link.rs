//! Where a finding is explained: a page on the web, or the program itself.

/// A page that explains finding codes, one heading each.
///
/// Whoever renders a report names it; a report that is read back does not, because it may come from a stranger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocsUrl(String);

/// Longest address that is worth setting.
const LONGEST: usize = 300;

impl DocsUrl {
    /// The page at this address; `None` where that is no plain `https` address that every format can carry.
    pub fn new(address: &str) -> Option<Self> {
        let rest = address.strip_prefix("https://")?;
        let (host, path) = rest.split_once('/')?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~/+".contains(c);
        let is_whole = !host.is_empty() && !path.is_empty() && !path.starts_with('/');
        (is_whole && address.len() <= LONGEST && rest.chars().all(is_plain)).then(|| Self(address.to_owned()))
    }

    /// The page as a whole.
    pub fn page(&self) -> &str {
        &self.0
    }

    /// The place that explains a code.
    pub fn of(&self, code: &str) -> String {
        format!("{}#{code}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_address_becomes_a_link() {
        let page = DocsUrl::new("https://example.com/profgate/blob/v0.1.0/docs/findings.md").unwrap();
        assert_eq!(
            page.of("path-missing"),
            "https://example.com/profgate/blob/v0.1.0/docs/findings.md#path-missing"
        );
        for wrong in [
            "",
            "http://example.com/x",
            "https://example.com",
            "https:///x",
            "https://example.com//blob/",
            "https://example.com/a)b",
            "https://user@example.com/x",
            "https://example.com/x?y",
            "https://example.com/\u{202e}x",
            "javascript:alert(1)",
        ] {
            assert_eq!(DocsUrl::new(wrong), None, "{wrong}");
        }
        assert_eq!(DocsUrl::new(&format!("https://example.com/{}", "x".repeat(400))), None);
    }
}
