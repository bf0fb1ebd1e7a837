//! Keys of a server: where they come from, and that they are shown nowhere.

use std::fmt;

/// A text that must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// The two keys that a server may ask for.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// Opens requests; opens everything where the server has no admin key.
    pub api: Option<Secret>,
    /// Opens the profiler of a server that has an admin key.
    pub admin: Option<Secret>,
}

/// What stands where a secret stood.
const HIDDEN: &str = "[hidden]";

/// A text with every secret in it replaced.
pub fn hide<'s>(text: &str, secrets: impl IntoIterator<Item = &'s Secret>) -> String {
    let mut secrets: Vec<&str> = secrets
        .into_iter()
        .flat_map(|secret| parts(secret.expose()))
        .filter(|part| !part.is_empty())
        .collect();
    // The longest first: one may be part of another.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets.into_iter().fold(text.to_owned(), |text, secret| text.replace(secret, HIDDEN))
}

/// A secret as it may come back: whole, or the password of a login alone.
fn parts(secret: &str) -> Vec<&str> {
    match secret.split_once(':') {
        Some((_, password)) => vec![secret, password],
        None => vec![secret],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_hidden_wherever_it_comes_back() {
        let (key, login) = (Secret::new("k1".to_owned()), Secret::new("me:word".to_owned()));
        assert_eq!(hide("no k1, k1! word", [&key, &login]), "no [hidden], [hidden]! [hidden]");
        assert_eq!(format!("{key:?}"), "Secret(…)");
        assert_eq!(hide("abc", [&Secret::new(String::new())]), "abc");
    }
}
