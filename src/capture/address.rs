//! Where a server is. What a user typed may hold a password; what is shown never does.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use reqwest::Url;

use super::secret::Secret;

/// The base address of a server: scheme, host, port and a path in front of the endpoints.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    url: Url,
    login: Option<Secret>,
}

/// Why a text is no address of a server. Never holds the text, which may contain a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct AddressError {
    reason: &'static str,
}

impl Address {
    /// Reads an address: `127.0.0.1:30000`, `http://[::1]:8000/v1/`, `https://user:password@host/prefix`.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let error = |reason| AddressError { reason };
        let text = text.trim();
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let mut url = Url::parse(&with_scheme).map_err(|_| error("this is no URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(error("only http and https are possible"));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(error("the URL names no host"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(error("a server's URL has no `?` and no `#`"));
        }
        let login = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => {
                let pair = format!("{}:{}", decoded(user), decoded(password.unwrap_or_default()));
                Some(Secret::new(pair))
            }
        };
        // Both refuse only where there is no host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        let path = url.path().trim_end_matches('/');
        let path = path.strip_suffix("/v1").unwrap_or(path).trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self { url, login })
    }

    /// The URL of an endpoint.
    pub fn endpoint(&self, path: &str) -> Url {
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let mut url = self.url.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}{path}"));
        url.set_query(query);
        url
    }

    /// User and password, joined by a colon, when the URL held them.
    pub fn login(&self) -> Option<&Secret> {
        self.login.as_ref()
    }

    /// Whether the host is this machine by its name or number.
    pub fn is_loopback(&self) -> bool {
        self.ip().is_some_and(|ip| ip.is_loopback())
    }

    /// Whether requests are encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.url.scheme() == "https"
    }

    fn ip(&self) -> Option<IpAddr> {
        let host = self.url.host_str()?;
        if host.eq_ignore_ascii_case("localhost") {
            return Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        bare.parse::<Ipv4Addr>().map(IpAddr::V4).or_else(|_| bare.parse::<Ipv6Addr>().map(IpAddr::V6)).ok()
    }

    /// Socket addresses, for asking whether anything listens at all.
    pub fn sockets(&self) -> Vec<SocketAddr> {
        let port = self.url.port_or_known_default().unwrap_or(80);
        let host = self.url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        (host, port).to_socket_addrs().map(Iterator::collect).unwrap_or_default()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Address({self})")
    }
}

/// Undoes the percent signs of a user's name or password.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match (first, hex.and_then(|two| u8::from_str_radix(two, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_becomes_a_base() {
        for (typed, shown) in [
            ("127.0.0.1:30000", "http://127.0.0.1:30000"),
            ("http://h:1/", "http://h:1"),
            ("http://h:1/v1", "http://h:1"),
            ("http://h:1/v1/", "http://h:1"),
            ("https://h/router/v1", "https://h/router"),
            ("http://[::1]:8000", "http://[::1]:8000"),
        ] {
            assert_eq!(Address::parse(typed).unwrap().to_string(), shown);
        }
        let address = Address::parse("http://h:1/v1/").unwrap();
        assert_eq!(address.endpoint("/health").as_str(), "http://h:1/health");
        let address = Address::parse("https://h/router").unwrap();
        assert_eq!(address.endpoint("/a?b=c").as_str(), "https://h/router/a?b=c");
    }

    #[test]
    fn a_password_is_kept_and_never_shown() {
        let address = Address::parse("http://me:p%40zz@h:1").unwrap();
        assert_eq!(address.login().unwrap().expose(), "me:p@zz");
        for shown in [address.to_string(), format!("{address:?}"), address.endpoint("/x").to_string()] {
            assert!(!shown.contains("zz") && !shown.contains("me"), "{shown}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_repeated() {
        for typed in
            ["", "ftp://h", "http://", "http://h/?key=hunter2", "http://me:hunter2@", "http://h#hunter2"]
        {
            let error = Address::parse(typed).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn loopback_is_told_from_the_rest() {
        for (typed, is_loopback) in [
            ("localhost:1", true),
            ("127.8.0.1", true),
            ("[::1]:2", true),
            ("10.0.0.1", false),
            ("localhost.evil", false),
        ] {
            assert_eq!(Address::parse(typed).unwrap().is_loopback(), is_loopback, "{typed}");
        }
    }
}
