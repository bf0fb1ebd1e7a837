//! What a server may answer instead of doing its work, and what the user can do about it.
//!
//! `docs/live-servers.md` has the same table; a test compares them.

use super::framework::Framework;

/// What came instead of the answer that was needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// 400: the request was not understood.
    BadRequest,
    /// 401: no key, or another one is needed.
    Unauthorized,
    /// 403: the key does not open this.
    Forbidden,
    /// 404: there is no such endpoint.
    NotFound,
    /// 405: the endpoint wants another method.
    MethodNotAllowed,
    /// 409: somebody else's profile runs.
    Conflict,
    /// 500: the server failed inside.
    Internal,
    /// 502, 503, 504: a router could not reach the server.
    Gateway,
    /// 3xx: the request was sent elsewhere.
    Redirect,
    /// Any other status.
    Status,
    /// Nothing listens.
    Refused,
    /// The name has no address, or there is no way to it.
    Unreachable,
    /// The connection ended before an answer.
    Reset,
    /// No answer in time.
    Timeout,
    /// The encrypted connection could not be made.
    Tls,
    /// The answer is larger than any real one.
    TooLarge,
    /// The answer is not what the engine answers.
    Foreign,
}

impl Fault {
    /// Every fault, in the order of the documentation.
    pub const ALL: [Self; 17] = [
        Self::BadRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::Internal,
        Self::Gateway,
        Self::Redirect,
        Self::Status,
        Self::Refused,
        Self::Unreachable,
        Self::Reset,
        Self::Timeout,
        Self::Tls,
        Self::TooLarge,
        Self::Foreign,
    ];

    /// The fault that a status means; `None` when it means success.
    pub fn of_status(status: u16) -> Option<Self> {
        match status {
            200..=299 => None,
            300..=399 => Some(Self::Redirect),
            400 => Some(Self::BadRequest),
            401 => Some(Self::Unauthorized),
            403 => Some(Self::Forbidden),
            404 => Some(Self::NotFound),
            405 => Some(Self::MethodNotAllowed),
            409 => Some(Self::Conflict),
            500 => Some(Self::Internal),
            502..=504 => Some(Self::Gateway),
            _ => Some(Self::Status),
        }
    }

    /// What the user reads in the place of an answer.
    pub fn text(self) -> &'static str {
        match self {
            Self::BadRequest => "400 Bad Request",
            Self::Unauthorized => "401 Unauthorized",
            Self::Forbidden => "403 Forbidden",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::Conflict => "409 Conflict",
            Self::Internal => "500 Internal Server Error",
            Self::Gateway => "502, 503 or 504",
            Self::Redirect => "a redirect, which is not followed",
            Self::Status => "an unexpected status",
            Self::Refused => "connection refused",
            Self::Unreachable => "the host cannot be reached",
            Self::Reset => "the connection ended without an answer",
            Self::Timeout => "no answer in time",
            Self::Tls => "the encrypted connection failed",
            Self::TooLarge => "an answer too large to be one",
            Self::Foreign => "an answer of another kind of server",
        }
    }

    /// What the user can do, whatever the engine.
    pub fn advice(self) -> &'static str {
        match self {
            Self::BadRequest => {
                "read the server's reason above; a prompt may be longer than its context: see --prefill-shape, --decode-shape"
            }
            Self::Unauthorized => {
                "give the API key by PROFGATE_API_KEY or --api-key-file; a server with an admin key wants that one for the profiler: PROFGATE_ADMIN_API_KEY or --admin-api-key-file"
            }
            Self::Forbidden => {
                "the key does not open this endpoint; use one that does, or ask who runs the server"
            }
            Self::NotFound => {
                "the profiler is not switched on, or the URL is not the server's; see docs/live-servers.md"
            }
            Self::MethodNotAllowed => {
                "something between profgate and the server changes the request, or --framework names another engine"
            }
            Self::Conflict => {
                "somebody else profiles this server and was left alone; wait until they are done, or end a profile that nobody wants any more with --force"
            }
            Self::Internal => "the reason stands in the server's log and nowhere else",
            Self::Gateway => {
                "a router stands in front and did not reach the server; name the server itself with --url"
            }
            Self::Redirect => "name the address that the server itself has; a key is not sent to another one",
            Self::Status => "look into the server's log",
            Self::Refused => "start the server, or correct host and port; the server may also have ended",
            Self::Unreachable => "correct the host's name, or the network between",
            Self::Reset => {
                "look into the server's log: it may have ended, or it speaks TLS and the URL says http"
            }
            Self::Timeout => "the server is busy or stuck; raise --timeout, or look into its log",
            Self::Tls => {
                "name the authority that signed the server's certificate with --ca-cert, or write http if the server speaks no TLS"
            }
            Self::TooLarge => "the URL is not that of a serving engine",
            Self::Foreign => "name the engine with --framework, or correct the URL",
        }
    }
}

/// How to switch the profiler on, where the engine answers 404 while it is off.
pub fn how_to_switch_on(framework: Framework) -> &'static str {
    match framework {
        Framework::Vllm => {
            "relaunch vLLM with --profiler-config '{\"profiler\":\"torch\",\"torch_profiler_dir\":\"/abs/dir\"}'; before 0.14 with VLLM_TORCH_PROFILER_DIR=/abs/dir"
        }
        Framework::TensorRtLlm => {
            "this version has no such endpoint: relaunch with TLLM_PROFILE_START_STOP=10-20 and TLLM_TORCH_PROFILE_TRACE=/dir/trace.json, then give the file to profgate"
        }
        Framework::Sglang => {
            "the URL is not that of an SGLang server, or of its router; name the server itself"
        }
        Framework::TokenSpeed => "name the control server: its port is that of the gateway plus one",
    }
}

/// Why a capture came to nothing: what happened, where, what to do, and what the server is left in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What happened.
    pub what: String,
    /// Where, with the detail.
    pub why: String,
    /// What to do.
    pub help: String,
    /// What state the server's profiler is in, where it was touched.
    pub state: Option<String>,
    /// Whether the request itself was wrong, and no server was asked.
    pub is_usage: bool,
}

impl Failure {
    /// Something that went wrong with a server or its files.
    pub fn new(what: impl Into<String>, why: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what: what.into(), why: why.into(), help: help.into(), state: None, is_usage: false }
    }

    /// Something that must not be asked of a server.
    pub fn usage(what: impl Into<String>, why: impl Into<String>, help: impl Into<String>) -> Self {
        Self { is_usage: true, ..Self::new(what, why, help) }
    }

    /// The user ended it.
    pub fn interrupted() -> Self {
        Self::new(
            "interrupted",
            "the capture was ended before it was complete",
            "start it again when you like",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_but_success_is_a_fault() {
        for status in 200..300 {
            assert_eq!(Fault::of_status(status), None);
        }
        for status in (100..200).chain(300..600) {
            assert!(Fault::of_status(status).is_some(), "{status}");
        }
        assert_eq!(Fault::of_status(503), Some(Fault::Gateway));
    }
}
