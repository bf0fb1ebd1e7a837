//! One JSON request after another to one code host: bounded, patient, and never to anywhere else.
//!
//! The token goes to the host that was configured and to no other: redirects are not followed, and a link to
//! a further page counts only when it stays under the same address. A host that is busy says for how long;
//! that is waited for, up to a limit, before an answer is given up.

use std::io::Read;
use std::sync::Once;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::blocking::{Client, RequestBuilder, Response};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LINK, RETRY_AFTER};
use reqwest::{Method, StatusCode, Url};

/// Bytes of one answer: a hundred comments of GitHub's largest size, in the widest encoding.
const ANSWER_LIMIT: u64 = 64 << 20;

/// Bytes of an answer that are shown to a person.
const SHOWN: usize = 300;

/// Attempts at one request.
const ATTEMPTS: u32 = 4;

/// A request that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address cannot be used.
    #[error("{url} is not an address of an API: {reason}")]
    Address {
        /// As given, without user and password.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The host answered with something else than success.
    #[error("{method} {path} was answered with {status}: {detail}")]
    Status {
        /// Of the request.
        method: String,
        /// Of the request.
        path: String,
        /// The number.
        status: u16,
        /// What the host said, shortened.
        detail: String,
        /// It refused because it is busy, not because it will not.
        is_busy: bool,
    },
    /// No answer came.
    #[error("{method} {path} got no answer: {reason}")]
    Transport {
        /// Of the request.
        method: String,
        /// Of the request.
        path: String,
        /// What went wrong.
        reason: String,
    },
    /// The answer is not what the host's documentation promises.
    #[error("{path} was answered with something unexpected: {reason}")]
    Answer {
        /// Of the request.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl HttpError {
    /// Whether the host may have done what was asked although its answer did not say so.
    pub fn may_have_worked(&self) -> bool {
        match self {
            Self::Transport { .. } | Self::Answer { .. } => true,
            Self::Status { status, .. } => *status >= 500,
            Self::Address { .. } => false,
        }
    }

    /// Whether the host refused because of its limits on how much is asked.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Status { is_busy: true, .. })
    }

    /// The host's number, when it gave one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            Self::Address { .. } | Self::Transport { .. } | Self::Answer { .. } => None,
        }
    }
}

/// What a request is to be repeated with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeat {
    /// Whatever fails on the way: doing it twice is the same as once.
    Always,
    /// Only when the host said that it did nothing.
    WhenRefused,
}

/// How long to be patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For one answer.
    pub answer: Duration,
    /// For all waiting between attempts at one request.
    pub waiting: Duration,
}

/// One host.
#[derive(Debug)]
pub struct Host {
    client: Client,
    base: Url,
    patience: Patience,
}

impl Host {
    /// A host's API under an address; `headers` go with every request.
    pub fn new(base: &str, headers: &[(&'static str, &str)], patience: Patience) -> Result<Self, HttpError> {
        use_ring();
        let mut url = Url::parse(base).map_err(|error| address(base, &error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(address(base, "it begins with neither https:// nor http://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(address(base, "it holds a user or a password; give the token in the environment"));
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            let value = HeaderValue::from_str(value);
            // The reason must not repeat the value: it may be the token.
            let mut value = value.map_err(|_| address(base, "a header's value cannot be sent"))?;
            value.set_sensitive(true);
            all.insert(HeaderName::from_static(name), value);
        }
        let mut client = Client::builder()
            .default_headers(all)
            .user_agent(concat!("profgate/", env!("CARGO_PKG_VERSION")))
            .timeout(patience.answer)
            .redirect(reqwest::redirect::Policy::none());
        if is_loopback(&url) {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| address(base, &error.to_string()))?;
        Ok(Self { client, base: url, patience })
    }

    /// The path of its address, which ends with `/`.
    pub fn path(&self) -> &str {
        self.base.path()
    }

    /// Reads one thing.
    pub fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, HttpError> {
        let url = self.url(path)?;
        let (_, body) = self.send(&Method::GET, &url, None, Repeat::Always)?;
        parse(&url, &body)
    }

    /// Reads a list from all of its pages.
    pub fn get_all<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, HttpError> {
        /// Pages of a list: a change with this many comments is no place for another.
        const PAGES: usize = 200;
        let mut url = self.url(path)?;
        let mut all = Vec::new();
        for _ in 0..PAGES {
            let (headers, body) = self.send(&Method::GET, &url, None, Repeat::Always)?;
            all.extend(parse::<Vec<T>>(&url, &body)?);
            let Some(next) = next_page(&headers) else { return Ok(all) };
            let next = self.base.join(&next).map_err(|error| answer(&url, &error.to_string()))?;
            let stays = next.origin() == self.base.origin() && next.path().starts_with(self.base.path());
            if !stays {
                return Err(answer(&url, "the next page is on another host"));
            }
            url = next;
        }
        Err(answer(&url, &format!("the list has more than {PAGES} pages")))
    }

    /// Creates something. Only repeated when the host said that it did nothing.
    pub fn post<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<T, HttpError> {
        let url = self.url(path)?;
        let (_, body) = self.send(&Method::POST, &url, Some(body), Repeat::WhenRefused)?;
        parse(&url, &body)
    }

    /// Writes over something.
    pub fn write_over<T: serde::de::DeserializeOwned>(
        &self,
        method: &Method,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<T, HttpError> {
        let url = self.url(path)?;
        let (_, body) = self.send(method, &url, Some(body), Repeat::Always)?;
        parse(&url, &body)
    }

    /// Removes something; what is gone already is no error.
    pub fn delete(&self, path: &str) -> Result<(), HttpError> {
        let url = self.url(path)?;
        match self.send(&Method::DELETE, &url, None, Repeat::Always) {
            Err(error) if error.status() == Some(404) => Ok(()),
            other => other.map(|_| ()),
        }
    }

    fn url(&self, path: &str) -> Result<Url, HttpError> {
        self.base.join(path).map_err(|error| address(path, &error.to_string()))
    }

    fn send(
        &self,
        method: &Method,
        url: &Url,
        body: Option<&serde_json::Value>,
        repeat: Repeat,
    ) -> Result<(HeaderMap, Vec<u8>), HttpError> {
        let mut waited = Duration::ZERO;
        let mut attempt = 1;
        loop {
            let (error, hint) = match self.once(method, url, body) {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let is_repeatable = match (&error, hint) {
                // A hint comes from a host that refused to begin.
                (_, Some(_)) => true,
                (error, None) => repeat == Repeat::Always && error.may_have_worked(),
            };
            let wait = hint.unwrap_or_else(|| Duration::from_millis(250 << attempt));
            if !is_repeatable || attempt >= ATTEMPTS || waited + wait > self.patience.waiting {
                return Err(error);
            }
            std::thread::sleep(wait);
            waited += wait;
            attempt += 1;
        }
    }

    /// One attempt. With its error comes for how long a busy host asks to be left alone.
    fn once(
        &self,
        method: &Method,
        url: &Url,
        body: Option<&serde_json::Value>,
    ) -> Result<(HeaderMap, Vec<u8>), (HttpError, Option<Duration>)> {
        let mut request: RequestBuilder = self.client.request(method.clone(), url.clone());
        if let Some(body) = body {
            request =
                request.header(reqwest::header::CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let transport = |reason: String| HttpError::Transport {
            method: method.to_string(),
            path: url.path().to_owned(),
            reason,
        };
        let response = request.send().map_err(|error| (transport(reason(&error)), None))?;
        let status = response.status();
        let headers = response.headers().clone();
        let body = read(response).map_err(|error| (transport(error), None))?;
        if status.is_success() {
            return Ok((headers, body));
        }
        let detail = detail(status, &body);
        let hint = hint(status, &headers, &detail);
        let error = HttpError::Status {
            method: method.to_string(),
            path: url.path().to_owned(),
            status: status.as_u16(),
            detail,
            is_busy: hint.is_some(),
        };
        Err((error, hint))
    }
}

fn read(response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    response.take(ANSWER_LIMIT + 1).read_to_end(&mut body).map_err(|error| error.to_string())?;
    if body.len() as u64 > ANSWER_LIMIT {
        return Err(format!("the answer is larger than {} MiB", ANSWER_LIMIT >> 20));
    }
    Ok(body)
}

fn parse<T: serde::de::DeserializeOwned>(url: &Url, body: &[u8]) -> Result<T, HttpError> {
    serde_json::from_slice(body).map_err(|error| answer(url, &error.to_string()))
}

/// The reason at the bottom: reqwest's own text repeats the address.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it took too long".to_owned();
    }
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

/// What a host said: its `message` where it gave one, else the begin of its text.
fn detail(status: StatusCode, body: &[u8]) -> String {
    if status.is_redirection() {
        return "it moved, and a token is not taken along; use the new address".to_owned();
    }
    let said = serde_json::from_slice::<serde_json::Value>(body).ok().and_then(|value| {
        let message = value.get("message").or_else(|| value.get("error"))?;
        Some(message.as_str().map_or_else(|| message.to_string(), str::to_owned))
    });
    let text = said.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
    let shown: String = text.trim().chars().take(SHOWN).collect();
    if shown.is_empty() { "no reason given".to_owned() } else { shown }
}

/// How long a host asks to be left alone, when it refused because it is busy.
fn hint(status: StatusCode, headers: &HeaderMap, detail: &str) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    let is_busy = matches!(status.as_u16(), 403 | 429 | 503);
    if !is_busy {
        return None;
    }
    if let Some(seconds) = number(RETRY_AFTER.as_str()) {
        return Some(Duration::from_secs(seconds));
    }
    let named =
        headers.get(RETRY_AFTER).and_then(|value| httpdate::parse_http_date(value.to_str().ok()?).ok());
    if let Some(then) = named {
        // The date has whole seconds: half a second early would be refused again.
        return Some(then.duration_since(SystemTime::now()).unwrap_or_default() + Duration::from_secs(1));
    }
    for (left, reset) in
        [("x-ratelimit-remaining", "x-ratelimit-reset"), ("ratelimit-remaining", "ratelimit-reset")]
    {
        if number(left) == Some(0)
            && let Some(reset) = number(reset)
        {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            return Some(Duration::from_secs(reset).saturating_sub(now) + Duration::from_secs(1));
        }
    }
    // Too many requests without a hint: the documentation of both hosts says to wait a minute. GitHub answers them with
    // 403 as well, which without such words is a plain refusal.
    let is_limit = status == StatusCode::TOO_MANY_REQUESTS
        || number("x-ratelimit-remaining") == Some(0)
        || detail.to_ascii_lowercase().contains("rate limit");
    is_limit.then_some(Duration::from_secs(60))
}

/// The address of the next page, from the `Link` header.
fn next_page(headers: &HeaderMap) -> Option<String> {
    let links = headers.get(LINK)?.to_str().ok()?;
    links.split(',').find_map(|link| {
        let (address, relations) = link.split_once(';')?;
        let is_next = relations.split(';').any(|one| matches!(one.trim(), "rel=\"next\"" | "rel=next"));
        let address = address.trim().strip_prefix('<')?.strip_suffix('>')?;
        is_next.then(|| address.to_owned())
    })
}

fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

/// TLS needs its cryptography chosen once in a process.
fn use_ring() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Somebody else in this process has chosen already: theirs will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// An address that cannot be used, without what may be a secret in it.
fn address(url: &str, reason: &str) -> HttpError {
    let shown = match Url::parse(url) {
        Ok(mut parsed) => {
            // Neither can fail on an address that has a host; one without has no secret.
            let _ = parsed.set_username("");
            let _ = parsed.set_password(None);
            parsed.to_string()
        }
        Err(_) => url.rsplit('@').next().unwrap_or_default().to_owned(),
    };
    HttpError::Address { url: shown, reason: reason.to_owned() }
}

fn answer(url: &Url, reason: &str) -> HttpError {
    HttpError::Answer { path: url.path().to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[test]
    fn the_next_page_is_the_link_called_next() {
        let link = r#"<https://h/a?page=1>; rel="prev", <https://h/a?page=3>; rel="next", <https://h/a?page=9>; rel="last""#;
        assert_eq!(next_page(&headers(&[("link", link)])).as_deref(), Some("https://h/a?page=3"));
        assert_eq!(next_page(&headers(&[("link", r#"<https://h/a?page=1>; rel="prev""#)])), None);
    }

    #[test]
    fn a_busy_host_says_how_long() {
        let seconds = |status: u16, pairs: &[(&'static str, &str)]| {
            hint(StatusCode::from_u16(status).unwrap(), &headers(pairs), "Forbidden")
                .map(|hint| hint.as_secs())
        };
        assert_eq!(seconds(429, &[("retry-after", "7")]), Some(7));
        assert_eq!(seconds(403, &[("retry-after", "7")]), Some(7));
        let past = "Wed, 21 Oct 2015 07:28:00 GMT";
        assert_eq!(seconds(503, &[("retry-after", past)]), Some(1), "a date that is over");
        let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3600));
        assert!(matches!(seconds(429, &[("retry-after", &soon)]), Some(3590..=3601)), "a date to come");
        assert_eq!(seconds(403, &[]), None, "a plain refusal is final");
        assert_eq!(seconds(403, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "5")]), Some(1));
        assert_eq!(seconds(403, &[("x-ratelimit-remaining", "9"), ("x-ratelimit-reset", "5")]), None);
        assert_eq!(seconds(429, &[]), Some(60));
        assert_eq!(seconds(404, &[("retry-after", "7")]), None);
        assert_eq!(seconds(403, &[("x-ratelimit-remaining", "0")]), Some(60));
        let said =
            "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
        let secondary = hint(StatusCode::FORBIDDEN, &headers(&[("x-ratelimit-remaining", "9")]), said);
        assert_eq!(secondary, Some(Duration::from_secs(60)));
    }

    #[test]
    fn no_address_is_shown_with_its_password() {
        let patience = Patience { answer: Duration::from_secs(1), waiting: Duration::ZERO };
        for base in ["https://me:secret@h/", "ftp://me:secret@h/", "//me:secret@h"] {
            let error = Host::new(base, &[], patience).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        let error = Host::new("https://h/", &[("authorization", "Bearer sec\nret")], patience).unwrap_err();
        assert!(!error.to_string().contains("sec"), "{error}");
    }
}
