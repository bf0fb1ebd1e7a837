//! A code host on this machine: keeps the comments of one change as GitHub's or GitLab's API does.
//!
//! It answers what the hosts' documentation says for the calls that profgate makes, refuses what they refuse
//! (no token, no body, unknown routes), and can be told to answer the next call badly.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::openapi::Contract;

/// Characters that GitHub takes.
const BODY_LIMIT: usize = 65_536;

/// The other API, which GitHub describes elsewhere.
const GRAPHQL: &str = "/graphql";

/// A comment that is kept.
#[derive(Debug, Clone)]
pub struct Kept {
    pub id: u64,
    /// Of the change.
    pub number: u64,
    pub author: String,
    pub body: String,
}

/// An answer that is not the usual one.
#[derive(Debug, Clone, Copy)]
pub enum Reply {
    /// This status, and nothing is done.
    Status(u16),
    /// This status, and a `Retry-After`.
    Busy { status: u16, seconds: u64 },
    /// What was asked is done, and this status is answered all the same.
    DoneButAnswered(u16),
    /// What GitHub says to too many requests at once, without a `Retry-After`.
    SecondaryLimit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    GitHub,
    GitLab,
}

#[derive(Debug)]
struct State {
    kind: Kind,
    base: String,
    repository: String,
    number: u64,
    head: String,
    comments: Vec<Kept>,
    next_id: u64,
    requests: Vec<String>,
    replies: Vec<(String, Reply)>,
    next_page: Option<String>,
    before_create: VecDeque<(String, String)>,
    after_update: VecDeque<String>,
    is_stopped: bool,
    /// Who the token writes as.
    author: String,
    /// Whether the host tells an app's token who it is.
    tells_viewer: bool,
    /// Commits with their parents.
    commits: Vec<(String, Vec<String>)>,
    /// Another open pull request of the same newest commit.
    twin: Option<u64>,
    /// GitHub's own description; GitLab publishes none that could be taken.
    contract: Option<&'static Contract>,
    violations: Vec<String>,
}

/// The host; ends with the test.
pub struct Fake {
    state: Arc<Mutex<State>>,
    address: String,
}

struct Request {
    method: String,
    path: String,
    query: String,
    has_token: bool,
    body: Value,
}

struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Value,
}

fn answer(status: u16, body: Value) -> Answer {
    Answer { status, headers: Vec::new(), body }
}

fn refusal(status: u16, message: &str) -> Answer {
    answer(status, json!({ "message": message }))
}

impl Fake {
    /// A pull request on GitHub.
    pub fn github(repository: &str, number: u64, head: &str) -> Self {
        Self::start(Kind::GitHub, repository, number, head)
    }

    /// A merge request on GitLab.
    pub fn gitlab(project: &str, number: u64, head: &str) -> Self {
        Self::start(Kind::GitLab, project, number, head)
    }

    fn start(kind: Kind, repository: &str, number: u64, head: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let base = match kind {
            Kind::GitHub => format!("http://{address}"),
            Kind::GitLab => format!("http://{address}/api/v4"),
        };
        let state = Arc::new(Mutex::new(State {
            kind,
            base,
            repository: repository.to_owned(),
            number,
            head: head.to_owned(),
            comments: Vec::new(),
            next_id: 1,
            requests: Vec::new(),
            replies: Vec::new(),
            next_page: None,
            before_create: VecDeque::new(),
            after_update: VecDeque::new(),
            is_stopped: false,
            author: match kind {
                Kind::GitHub => "github-actions[bot]",
                Kind::GitLab => "gate-bot",
            }
            .to_owned(),
            tells_viewer: true,
            commits: Vec::new(),
            twin: None,
            contract: (kind == Kind::GitHub).then(Contract::github),
            violations: Vec::new(),
        }));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut state = shared.lock().unwrap();
                if state.is_stopped {
                    return;
                }
                serve(stream, &mut state);
            }
        });
        Self { state, address }
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap())
    }

    /// The API's address.
    pub fn url(&self) -> String {
        self.with(|state| state.base.clone())
    }

    /// Every comment, in order of age.
    pub fn comments(&self) -> Vec<Kept> {
        self.with(|state| state.comments.clone())
    }

    /// Every request so far, as method and path.
    pub fn requests(&self) -> Vec<String> {
        self.with(|state| state.requests.clone())
    }

    /// The change was pushed to.
    pub fn set_head(&self, sha: &str) {
        self.with(|state| sha.clone_into(&mut state.head));
    }

    /// The token is that of this app, and the host may tell so.
    pub fn is_app(&self, login: &str, tells: bool) {
        self.with(|state| {
            login.clone_into(&mut state.author);
            state.tells_viewer = tells;
        });
    }

    /// The repository has this commit.
    pub fn has_commit(&self, sha: &str, parents: &[&str]) {
        let parents = parents.iter().map(|&parent| parent.to_owned()).collect();
        self.with(|state| state.commits.push((sha.to_owned(), parents)));
    }

    /// Another open pull request has the same newest commit.
    pub fn has_twin(&self, number: u64) {
        self.with(|state| state.twin = Some(number));
    }

    /// Forgets every comment.
    pub fn reset(&self) {
        self.with(|state| {
            state.comments.clear();
            state.next_id = 1;
        });
    }

    /// Somebody comments.
    pub fn add(&self, author: &str, body: &str) {
        self.with(|state| state.keep(state.number, author, body));
    }

    /// Somebody comments in the moment before the next comment is created.
    pub fn appears_before_create(&self, author: &str, body: &str) {
        self.with(|state| state.before_create.push_back((author.to_owned(), body.to_owned())));
    }

    /// Another run writes over the comment in the moment after it is next updated.
    pub fn is_written_over_after_update(&self, body: &str) {
        self.with(|state| state.after_update.push_back(body.to_owned()));
    }

    /// Answers the next call of this method so.
    pub fn then(&self, method: &str, reply: Reply) {
        self.with(|state| state.replies.push((method.to_owned(), reply)));
    }

    /// Says of every list that it goes on there.
    pub fn next_page(&self, url: &str) {
        self.with(|state| state.next_page = Some(url.to_owned()));
    }

    /// Answers no more.
    pub fn stop(&self) {
        self.with(|state| state.is_stopped = true);
        // The listener wakes, sees that it is stopped and closes.
        drop(TcpStream::connect(&self.address));
        while TcpStream::connect(&self.address).is_ok() {
            std::thread::yield_now();
        }
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let violations = self.with(|state| {
            state.is_stopped = true;
            std::mem::take(&mut state.violations)
        });
        drop(TcpStream::connect(&self.address));
        // A test that fails already says why.
        if !std::thread::panicking() {
            assert_eq!(violations, Vec::<String>::new(), "by GitHub's description of its API");
        }
    }
}

fn serve(mut stream: TcpStream, state: &mut State) {
    let Some(request) = read(&stream) else { return };
    state.requests.push(format!("{} {}", request.method, request.path));
    // Who a token is, is asked beside what a test is about.
    let is_planned = |(method, _): &(String, Reply)| *method == request.method && request.path != GRAPHQL;
    let planned = state.replies.iter().position(is_planned);
    let answer = match planned.map(|index| state.replies.remove(index).1) {
        Some(Reply::Status(status)) => {
            let mut refused = refusal(status, "as the test asked");
            refused.headers.push(("Location".to_owned(), "http://127.0.0.1:9/".to_owned()));
            refused
        }
        Some(Reply::Busy { status, seconds }) => {
            let mut busy = refusal(status, "You have exceeded a secondary rate limit");
            busy.headers.push(("Retry-After".to_owned(), seconds.to_string()));
            busy
        }
        Some(Reply::SecondaryLimit) => {
            let mut busy = refusal(
                403,
                "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
            );
            busy.headers.push(("x-ratelimit-remaining".to_owned(), "4000".to_owned()));
            busy
        }
        Some(Reply::DoneButAnswered(status)) => {
            state.route(&request);
            refusal(status, "Bad gateway")
        }
        None => {
            let answer = state.route(&request);
            state.hold_to_contract(&request, &answer);
            answer
        }
    };
    let body = if answer.status == 204 { String::new() } else { answer.body.to_string() };
    let mut head = format!(
        "HTTP/1.1 {} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n",
        answer.status,
        body.len()
    );
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    // A client that went away is no concern of the host.
    drop(stream.write_all(format!("{head}\r\n{body}").as_bytes()));
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let method = words.next()?.to_owned();
    let target = words.next()?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (path, query) = (path.to_owned(), query.to_owned());
    let (mut length, mut has_token) = (0, false);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "authorization" => has_token = value.trim() == "Bearer s3cret",
            "private-token" => has_token = value.trim() == "s3cret",
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Some(Request { method, path, query, has_token, body })
}

impl State {
    fn keep(&mut self, number: u64, author: &str, body: &str) {
        let kept = Kept { id: self.next_id, number, author: author.to_owned(), body: body.to_owned() };
        self.next_id += 1;
        self.comments.push(kept);
    }

    /// Notes where a request, or the answer to it, is not what GitHub describes.
    fn hold_to_contract(&mut self, request: &Request, answer: &Answer) {
        let Some(contract) = self.contract.filter(|_| request.path != GRAPHQL) else { return };
        let found = match contract.operation(&request.method, &request.path) {
            Err(wrong) => vec![wrong],
            Ok(operation) => {
                let of_request = operation.wrong_request(&request.query, &request.body);
                let of_answer = operation.wrong_answer(answer.status, &answer.body);
                of_request.into_iter().chain(of_answer).collect()
            }
        };
        self.violations.extend(found);
    }

    /// An answer of GitHub's own example, so that it has every field that the real one has.
    fn described(&self, method: &str, path: &str, status: u16, with: &Value) -> Value {
        match self.contract {
            Some(contract) => contract.operation(method, path).unwrap().example(status, with),
            None => with.clone(),
        }
    }

    fn route(&mut self, request: &Request) -> Answer {
        if !request.has_token {
            return refusal(401, "Bad credentials");
        }
        let repository = self.repository.clone();
        let is_twin =
            |twin: &u64| request.path.split('/').any(|part| part.parse::<u64>().is_ok_and(|n| n == *twin));
        let number = self.twin.filter(is_twin).unwrap_or(self.number);
        let prefix = match self.kind {
            Kind::GitHub => String::new(),
            Kind::GitLab => "/api/v4".to_owned(),
        };
        let Some(path) = request.path.strip_prefix(&prefix) else { return refusal(404, "Not Found") };
        let (list, one, pull) = match self.kind {
            Kind::GitHub => (
                format!("/repos/{repository}/issues/{number}/comments"),
                format!("/repos/{repository}/issues/comments/"),
                format!("/repos/{repository}/pulls/{number}"),
            ),
            Kind::GitLab => {
                let of = format!("/projects/{repository}/merge_requests/{number}");
                (format!("{of}/notes"), format!("{of}/notes/"), of)
            }
        };
        match (request.method.as_str(), path) {
            ("GET", "/user") if self.kind == Kind::GitHub => {
                refusal(403, "Resource not accessible by integration")
            }
            ("POST", GRAPHQL) if self.kind == Kind::GitHub && self.tells_viewer => {
                assert_eq!(request.body["query"], "query { viewer { login } }");
                answer(200, json!({ "data": { "viewer": { "login": self.author } } }))
            }
            ("GET", "/user") => answer(200, json!({ "username": "gate-bot" })),
            ("GET", path) if path == pull => answer(200, self.pull(number)),
            ("GET", path) if path == list => self.page(number, request),
            ("GET", path) if self.kind == Kind::GitHub => self.find(path, &request.query),
            ("POST", path) if path == list => self.write(number, None, request),
            ("PATCH" | "PUT" | "DELETE", path) if path.starts_with(&one) => {
                let id: u64 = path[one.len()..].parse().unwrap_or(0);
                match (self.comments.iter().position(|kept| kept.id == id), request.method.as_str()) {
                    (None, _) => refusal(404, "Not Found"),
                    (Some(at), "DELETE") => {
                        self.comments.remove(at);
                        answer(204, Value::Null)
                    }
                    (Some(at), "PATCH") if self.kind == Kind::GitHub => self.write(number, Some(at), request),
                    (Some(at), "PUT") if self.kind == Kind::GitLab => self.write(number, Some(at), request),
                    _ => refusal(405, "Method Not Allowed"),
                }
            }
            _ => refusal(404, "Not Found"),
        }
    }

    /// What differs from GitHub's example, whose teams lack a field that its own description requires.
    fn pull_values(&self, number: u64) -> Value {
        json!({
            "number": number, "state": "open", "head": { "sha": self.head }, "requested_teams": [],
        })
    }

    fn pull(&self, number: u64) -> Value {
        match self.kind {
            Kind::GitHub => self.described(
                "GET",
                &format!("/repos/{}/pulls/{number}", self.repository),
                200,
                &self.pull_values(number),
            ),
            Kind::GitLab => json!({ "iid": self.number, "sha": self.head }),
        }
    }

    /// Pull requests of a branch or of a commit.
    fn find(&self, path: &str, query: &str) -> Answer {
        let repository = &self.repository;
        // Lists hold a shorter form of a pull request.
        let shown = |number: u64| {
            let path = format!("/repos/{repository}/pulls");
            self.described("GET", &path, 200, &self.pull_values(number))[0].clone()
        };
        let open: Vec<Value> = [Some(self.number), self.twin].into_iter().flatten().map(shown).collect();
        let mut closed = shown(self.number);
        closed["number"] = json!(1);
        closed["state"] = json!("closed");
        if path == format!("/repos/{repository}/pulls") {
            let is_fork = query.split('&').any(|part| part == "head=fork%3Afix");
            return answer(200, if is_fork { json!(open) } else { json!([]) });
        }
        if path.starts_with(&format!("/repos/{repository}/commits/")) && path.ends_with("/pulls") {
            return answer(200, Value::Array([vec![closed], open].concat()));
        }
        if let Some(sha) = path.strip_prefix(&format!("/repos/{repository}/commits/")) {
            let Some((_, parents)) = self.commits.iter().find(|(known, _)| known == sha) else {
                let message = format!("No commit found for SHA: {sha}");
                return answer(
                    422,
                    json!({ "message": message, "documentation_url": "https://docs.github.com" }),
                );
            };
            let mut commit = self.described("GET", path, 200, &json!({ "sha": sha, "files": [] }));
            let parent = commit["parents"][0].clone();
            let parents = parents.iter().map(|sha| {
                let mut parent = parent.clone();
                parent["sha"] = json!(sha);
                parent
            });
            commit["parents"] = parents.collect();
            return answer(200, commit);
        }
        refusal(404, "Not Found")
    }

    fn page(&self, of: u64, request: &Request) -> Answer {
        let number = |name: &str| {
            request.query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
        };
        let (size, page): (usize, usize) = (number("per_page").unwrap_or(30), number("page").unwrap_or(1));
        let from = (page - 1) * size;
        let all: Vec<&Kept> = self.comments.iter().filter(|kept| kept.number == of).collect();
        let shown = all.iter().skip(from).take(size).map(|kept| self.shown(kept)).collect();
        let mut answer = answer(200, Value::Array(shown));
        let next = match &self.next_page {
            Some(url) => Some(url.clone()),
            None if from + size < all.len() => {
                let path = request.path.strip_prefix("/api/v4").unwrap_or(&request.path);
                Some(format!("{}{path}?per_page={size}&page={}", self.base, page + 1))
            }
            None => None,
        };
        if let Some(next) = next {
            answer.headers.push(("Link".to_owned(), format!("<{next}>; rel=\"next\"")));
        }
        answer
    }

    fn shown(&self, kept: &Kept) -> Value {
        match self.kind {
            Kind::GitHub => self.described(
                "POST",
                &format!("/repos/{}/issues/{}/comments", self.repository, self.number),
                201,
                &json!({
                    "id": kept.id, "user": { "login": kept.author }, "body": kept.body,
                    "html_url": format!(
                        "https://github.example/{}/pull/{}#issuecomment-{}",
                        self.repository, kept.number, kept.id
                    ),
                }),
            ),
            Kind::GitLab => json!({
                "id": kept.id, "author": { "username": kept.author }, "body": kept.body, "system": false,
            }),
        }
    }

    fn write(&mut self, number: u64, at: Option<usize>, request: &Request) -> Answer {
        let Some(body) = request.body["body"].as_str().filter(|body| !body.is_empty()) else {
            return refusal(422, "Invalid request. \"body\" wasn't supplied.");
        };
        if body.chars().count() > BODY_LIMIT {
            return refusal(422, "body is too long (maximum is 65536 characters)");
        }
        let at = match at {
            Some(at) => {
                body.clone_into(&mut self.comments[at].body);
                let answer = answer(200, self.shown(&self.comments[at]));
                if let Some(body) = self.after_update.pop_front() {
                    self.comments[at].body = body;
                }
                return answer;
            }
            None => {
                if let Some((author, body)) = self.before_create.pop_front() {
                    self.keep(number, &author, &body);
                }
                let author = self.author.clone();
                self.keep(number, &author, body);
                self.comments.len() - 1
            }
        };
        answer(201, self.shown(&self.comments[at]))
    }
}
