//! Requests to one server: bounded, never repeated, never led elsewhere, and never telling a key.

use std::error::Error;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use reqwest::blocking::{Client, RequestBuilder, Response};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Certificate, Method};
use serde_json::Value;

use super::address::Address;
use super::fault::{Failure, Fault};
use super::secret::{Keys, Secret, hide};
use crate::common::text::{printable, shorten_middle};

/// No answer that is read as a whole comes near this.
const MOST_BYTES: u64 = 8 << 20;

/// No picture comes near this.
const MOST_PICTURE_BYTES: u64 = 128 << 20;

/// How much of a server's own words is shown.
const MOST_SHOWN: usize = 300;

const CONNECT: Duration = Duration::from_secs(5);

/// Which key goes with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// The API key.
    Api,
    /// The admin key, else the API key.
    Admin,
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The text, cut to what is useful.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.body).ok()
    }

    /// Whether the server did what was asked, going by the status alone.
    pub fn is_success(&self) -> bool {
        Fault::of_status(self.status).is_none()
    }
}

/// A request that brought no answer of use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpError {
    /// What kind of fault.
    pub fault: Fault,
    /// Request and answer in words, without secrets.
    pub detail: String,
}

/// A connection to one server.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client,
    address: Address,
    keys: Keys,
}

impl Http {
    /// Prepares requests to an address; nothing is sent.
    pub fn new(address: &Address, keys: &Keys, ca_cert: Option<&Path>) -> Result<Self, Failure> {
        for secret in [&keys.api, &keys.admin].into_iter().flatten() {
            if secret.expose().is_empty() || HeaderValue::from_str(secret.expose()).is_err() {
                return Err(Failure::usage(
                    "a key cannot be sent",
                    "it is empty, or holds characters that no header may hold",
                    "check the environment variable or the file that it comes from",
                ));
            }
        }
        // A second call finds the provider of the first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .user_agent(concat!("profgate/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .timeout(None)
            // A kept connection may be dead, and a dead one tempts to send a request twice.
            .pool_max_idle_per_host(0)
            .retry(reqwest::retry::never())
            .redirect(reqwest::redirect::Policy::none())
            .referer(false);
        if address.is_loopback() {
            builder = builder.no_proxy();
        }
        if let Some(path) = ca_cert {
            builder = builder.tls_certs_merge(certificates(path)?);
        }
        let client = builder.build().map_err(|error| {
            Failure::new("cannot prepare requests", causes(&error), "check --ca-cert and the proxy variables")
        })?;
        Ok(Self { client, address: address.clone(), keys: keys.clone() })
    }

    /// The address that requests go to.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Sends a request and reads the whole answer; a status that is no success is an answer too.
    pub fn send(
        &self,
        method: Method,
        path: &str,
        key: Key,
        body: Option<&Value>,
        timeout: Duration,
    ) -> Result<Answer, HttpError> {
        self.send_within(MOST_BYTES, method, path, key, body, timeout)
    }

    fn send_within(
        &self,
        most_bytes: u64,
        method: Method,
        path: &str,
        key: Key,
        body: Option<&Value>,
        timeout: Duration,
    ) -> Result<Answer, HttpError> {
        let name = format!("{method} {}{path}", self.address);
        let request = self.request(method, path, key, body).timeout(timeout);
        let response = request.send().map_err(|error| self.error(&name, &error))?;
        let status = response.status().as_u16();
        let mut bytes = Vec::new();
        response.take(most_bytes + 1).read_to_end(&mut bytes).map_err(|error| {
            let fault = if is_timeout(&error) { Fault::Timeout } else { Fault::Reset };
            self.fault(fault, &name, &causes(&error))
        })?;
        if bytes.len() as u64 > most_bytes {
            return Err(self.fault(Fault::TooLarge, &name, &format!("more than {} MiB", most_bytes >> 20)));
        }
        Ok(Answer { status, body: String::from_utf8_lossy(&bytes).into_owned() })
    }

    /// As [`Http::need`], for an answer that may hold a picture.
    pub fn need_large(
        &self,
        method: Method,
        path: &str,
        key: Key,
        body: Option<&Value>,
        timeout: Duration,
    ) -> Result<Answer, HttpError> {
        self.success(
            &method,
            path,
            self.send_within(MOST_PICTURE_BYTES, method.clone(), path, key, body, timeout)?,
        )
    }

    /// The same, and a status that is no success is an error.
    pub fn need(
        &self,
        method: Method,
        path: &str,
        key: Key,
        body: Option<&Value>,
        timeout: Duration,
    ) -> Result<Answer, HttpError> {
        let answer = self.send(method.clone(), path, key, body, timeout)?;
        self.success(&method, path, answer)
    }

    fn success(&self, method: &Method, path: &str, answer: Answer) -> Result<Answer, HttpError> {
        match Fault::of_status(answer.status) {
            None => Ok(answer),
            Some(fault) => Err(self.refusal(fault, method, path, &answer)),
        }
    }

    /// Sends a request and hands out the answer while it comes in.
    pub fn stream(&self, path: &str, body: &Value, timeout: Duration) -> Result<Response, HttpError> {
        let name = format!("POST {}{path}", self.address);
        let request = self.request(Method::POST, path, Key::Api, Some(body)).timeout(timeout);
        let response = request.send().map_err(|error| self.error(&name, &error))?;
        let status = response.status().as_u16();
        let Some(fault) = Fault::of_status(status) else { return Ok(response) };
        let mut bytes = Vec::new();
        // The status alone is an answer; its text is a help.
        let _ = response.take(MOST_BYTES).read_to_end(&mut bytes);
        let answer = Answer { status, body: String::from_utf8_lossy(&bytes).into_owned() };
        Err(self.refusal(fault, &Method::POST, path, &answer))
    }

    /// An answer with a status that is no success, in words.
    pub fn refusal(&self, fault: Fault, method: &Method, path: &str, answer: &Answer) -> HttpError {
        let name = format!("{method} {}{path}", self.address);
        let said = self.shown(&answer.body);
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        HttpError { fault, detail: format!("{name} answered {}{said}", answer.status) }
    }

    /// A server's words as they may be shown: short, harmless, without keys.
    pub fn shown(&self, text: &str) -> String {
        // Cut first by a generous measure: hiding must see a key whole, and must not see megabytes.
        let text: String = text.chars().take(4 * MOST_SHOWN).collect();
        let text = self.hide(text.trim());
        shorten_middle(&printable(&text.replace(['\n', '\r', '\t'], " ")), MOST_SHOWN)
    }

    /// A text without the keys that this connection knows.
    pub fn hide(&self, text: &str) -> String {
        hide(text, self.secrets())
    }

    /// Whether a text holds one of the keys.
    pub fn tells_a_secret(&self, text: &str) -> bool {
        self.hide(text) != text
    }

    fn secrets(&self) -> impl Iterator<Item = &Secret> {
        [self.keys.api.as_ref(), self.keys.admin.as_ref(), self.address.login()].into_iter().flatten()
    }

    fn request(&self, method: Method, path: &str, key: Key, body: Option<&Value>) -> RequestBuilder {
        let mut request = self.client.request(method, self.address.endpoint(path));
        let secret = match key {
            Key::Api => self.keys.api.as_ref(),
            Key::Admin => self.keys.admin.as_ref().or(self.keys.api.as_ref()),
        };
        if let Some(secret) = secret {
            if let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {}", secret.expose())) {
                value.set_sensitive(true);
                request = request.header(AUTHORIZATION, value);
            }
        } else if let Some((user, password)) =
            self.address.login().and_then(|login| login.expose().split_once(':'))
        {
            request = request.basic_auth(user, Some(password));
        }
        match body {
            Some(body) => request.header(CONTENT_TYPE, "application/json").body(body.to_string()),
            None => request,
        }
    }

    fn error(&self, name: &str, error: &reqwest::Error) -> HttpError {
        let causes = causes(error);
        self.fault(fault_of(error, &causes), name, &causes)
    }

    fn fault(&self, fault: Fault, name: &str, detail: &str) -> HttpError {
        HttpError { fault, detail: format!("{name}: {} ({})", fault.text(), self.shown(detail)) }
    }
}

fn fault_of(error: &reqwest::Error, causes: &str) -> Fault {
    let kind = io_kind(error);
    let is_tls = ["certificate", "InvalidContentType", "TLS", "tls", "HandshakeFailure"]
        .iter()
        .any(|word| causes.contains(word));
    match kind {
        _ if is_tls => Fault::Tls,
        Some(std::io::ErrorKind::ConnectionRefused) => Fault::Refused,
        _ if error.is_timeout() => Fault::Timeout,
        _ if error.is_connect() => Fault::Unreachable,
        _ => Fault::Reset,
    }
}

fn io_kind(error: &reqwest::Error) -> Option<std::io::ErrorKind> {
    let mut next: Option<&(dyn Error + 'static)> = error.source();
    while let Some(cause) = next {
        if let Some(io) = cause.downcast_ref::<std::io::Error>()
            && io.kind() != std::io::ErrorKind::Other
        {
            return Some(io.kind());
        }
        next = cause.source();
    }
    None
}

fn is_timeout(error: &std::io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<reqwest::Error>());
    error.kind() == std::io::ErrorKind::TimedOut || inner.is_some_and(reqwest::Error::is_timeout)
}

/// An error's causes, the innermost last; URLs in them are left out, because they may hold a password.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if !text.contains("://") && texts.last() != Some(&text) {
            texts.push(text);
        }
        next = cause.source();
    }
    texts.join(": ")
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, Failure> {
    let unusable = |why: String| {
        Failure::usage(
            "cannot use the certificate",
            format!("{}: {why}", path.display()),
            "name a PEM file with the authority that signed the server's certificate",
        )
    };
    let text = crate::source::read_text(path).map_err(|error| unusable(error.to_string()))?;
    let found = Certificate::from_pem_bundle(text.as_bytes()).map_err(|error| unusable(causes(&error)))?;
    if found.is_empty() {
        return Err(unusable("it holds no certificate".to_owned()));
    }
    Ok(found)
}
