//! A server on the loopback that answers as real ones do, each engine and version in its own way, and that can
//! be told to go wrong.

pub mod engine;
pub mod http;
mod profiler;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use engine::{Active, Mark};
use http::Request;

/// Which server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// 0.5.23.
    Sglang,
    /// 0.4.6: `/get_server_info` only, and start answers when the steps are over.
    SglangOld,
    /// 0.32.
    Vllm,
    /// 0.20: a start knows no fields, and a second one is answered 200.
    VllmOld,
    /// With the endpoints of 2026.
    TensorRtLlm,
    /// Its control server.
    TokenSpeed,
    /// The server of diffusion models, which has no start and no stop.
    SglangDiffusion,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trick {
    /// Start answers 200, and no file ever appears.
    RecordsNothing,
    /// Files are visible empty and grow.
    GrowingFiles,
    /// A file never gets further than its half.
    CutOff,
    /// A rank writes nothing.
    MissingRank(u32),
    /// The files take so many milliseconds, and the engine stands still meanwhile.
    SlowFlush(u64),
    /// The start takes so many milliseconds, and the requests go on meanwhile.
    SlowStart(u64),
    /// The server ends when it has answered the start.
    DiesAfterStart,
    /// The connection ends instead of an answer to the start.
    ResetsStart,
    /// The start is answered with this status, whatever it asks.
    StartStatus(u16),
    /// Requests of the workload are answered with this status once the profiler is started.
    RequestStatus(u16),
    /// Streams stand still once the profiler is started.
    StreamsStall,
    /// The same, until a profile was stopped.
    StreamsStallOnce,
    /// The work of a video fails.
    VideoFails,
    /// One token less than asked for is counted.
    CountsLess,
    /// Prompts come from the cache.
    Cached,
    /// What the server is, is told at a length that no server needs.
    Endless,
    /// Start and stop do nothing at all and answer `{"status":"ok"}`.
    Stub,
    /// A worker that does prefill alone.
    PrefillWorker,
    /// A worker that does decode alone.
    DecodeWorker,
    /// A gateway whose workers are profiled one by one, at their own addresses.
    Gateway,
    /// A multimodal encoder that is still starting.
    EncoderNotReady,
    /// The stop takes so many milliseconds, whatever there is to write.
    SlowStop(u64),
    /// SGLang's second profiler: a stop ends the server.
    SecondProfiler,
    /// The server tells its environment, which has SGLang's second profiler in it.
    TellsSecondProfiler,
    /// A development mode that tells of the system.
    TellsTorch,
    /// A router whose second worker refuses the start.
    PartlyStarted,
    /// A router whose second worker refuses the stop.
    PartlyStopped,
    /// SGLang beside gRPC: its profiler takes POST, and nothing else is there.
    Sidecar,
    /// SGLang on Python 3.10, where the stage in a file's name is spelled otherwise.
    Python310,
    /// This log says that the work is handed to another backend, once the profile was asked for.
    FallsBack,
}

/// A server to start.
#[derive(Debug, Clone)]
pub struct Setup {
    pub engine: Engine,
    /// Another version than the engine's usual one here.
    pub version: Option<&'static str>,
    /// Where vLLM writes.
    pub dir: PathBuf,
    pub ranks: u32,
    pub api_key: Option<&'static str>,
    pub admin_key: Option<&'static str>,
    pub max_running: u32,
    pub tricks: Vec<Trick>,
    pub tls: Option<Arc<ServerConfig>>,
    /// A router: where its requests go, prefill first.
    pub workers: Vec<Arc<Shared>>,
}

impl Setup {
    pub fn new(engine: Engine) -> Self {
        Self {
            engine,
            version: None,
            dir: PathBuf::new(),
            ranks: 1,
            api_key: None,
            admin_key: None,
            max_running: 64,
            tricks: Vec::new(),
            tls: None,
            workers: Vec::new(),
        }
    }

    /// The version that it tells, or would tell if it had such an endpoint.
    pub fn version(&self) -> &'static str {
        self.version.unwrap_or(match self.engine {
            Engine::Sglang | Engine::SglangDiffusion => "0.5.23",
            Engine::SglangOld => "0.4.6.post5",
            Engine::Vllm => "0.32.0",
            Engine::VllmOld => "0.20.2",
            Engine::TensorRtLlm => "1.3.0",
            Engine::TokenSpeed => "0.1.1",
        })
    }

    pub fn trick(mut self, trick: Trick) -> Self {
        self.tricks.push(trick);
        self
    }

    pub fn has(&self, trick: Trick) -> bool {
        self.tricks.contains(&trick)
    }
}

/// What the connections of a server share.
#[derive(Debug)]
pub struct Shared {
    setup: Setup,
    active: Mutex<Option<Active>>,
    calls: Mutex<Vec<Request>>,
    streams: AtomicU32,
    tokens: AtomicU64,
    profiles: AtomicU64,
    is_alive: AtomicBool,
    was_stopped: AtomicBool,
}

/// A running server; it ends with this value.
pub struct Fake {
    pub url: String,
    pub shared: Arc<Shared>,
}

impl Fake {
    pub fn start(setup: Setup) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        listener.set_nonblocking(true).unwrap();
        let scheme = if setup.tls.is_some() { "https" } else { "http" };
        let shared = Arc::new(Shared {
            setup,
            active: Mutex::new(None),
            calls: Mutex::new(Vec::new()),
            streams: AtomicU32::new(0),
            tokens: AtomicU64::new(0),
            profiles: AtomicU64::new(1),
            is_alive: AtomicBool::new(true),
            was_stopped: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            while accepting.is_alive() {
                match listener.accept() {
                    Ok((stream, _)) => {
                        let shared = Arc::clone(&accepting);
                        std::thread::spawn(move || shared.connection(stream));
                    }
                    Err(_) => std::thread::sleep(Duration::from_millis(2)),
                }
            }
        });
        let ticking = Arc::clone(&shared);
        std::thread::spawn(move || {
            while ticking.is_alive() {
                std::thread::sleep(Duration::from_millis(4));
                ticking.decode_step();
            }
        });
        Self { url: format!("{scheme}://127.0.0.1:{port}"), shared }
    }

    /// What was asked for so far, such as `POST /start_profile`, without the questions at the beginning.
    pub fn profiler_calls(&self) -> Vec<String> {
        let calls = self.shared.calls.lock().unwrap();
        let wanted = calls.iter().filter(|call| call.path.ends_with("_profile"));
        wanted.map(|call| format!("{} {}", call.method, call.path)).collect()
    }

    pub fn calls(&self) -> Vec<Request> {
        self.shared.calls.lock().unwrap().clone()
    }

    /// Whether the next start would be refused or would disturb.
    pub fn is_profiling(&self) -> bool {
        self.shared.active.lock().unwrap().is_some()
    }

    /// Requests that are being answered token by token.
    pub fn streams(&self) -> u32 {
        self.shared.streams.load(Ordering::SeqCst)
    }

    /// Somebody else starts a profile.
    pub fn occupy(&self, dir: PathBuf) {
        *self.shared.active.lock().unwrap() = Some(Active {
            num_steps: None,
            by_stage: false,
            dir,
            prefix: "other_".to_owned(),
            marks: Vec::new(),
            wrote_prefill: false,
            is_over: false,
        });
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.shared.is_alive.store(false, Ordering::SeqCst);
    }
}

impl Shared {
    fn is_alive(&self) -> bool {
        self.is_alive.load(Ordering::SeqCst)
    }

    fn connection(&self, stream: TcpStream) {
        stream.set_nonblocking(false).unwrap();
        match &self.setup.tls {
            None => self.request(stream),
            Some(config) => {
                let connection = ServerConnection::new(Arc::clone(config)).unwrap();
                self.request(StreamOwned::new(connection, stream));
            }
        }
    }

    fn request(&self, mut stream: impl Read + Write) {
        let Some(request) = http::read(&mut stream) else { return };
        self.calls.lock().unwrap().push(request.clone());
        if !self.is_allowed(&request) {
            return http::answer(&mut stream, 401, "", "{\"error\":\"Unauthorized\"}");
        }
        let path = request.path.split('?').next().unwrap_or_default();
        match (request.method.as_str(), path) {
            ("POST", "/generate" | "/v1/completions") => self.generate(&request, &mut stream),
            ("POST", "/v1/images/generations" | "/v1/videos")
                if self.setup.engine == Engine::SglangDiffusion =>
            {
                self.diffuse(&request, &mut stream);
            }
            ("GET", "/v1/videos/video_1") => {
                let status = if self.setup.has(Trick::VideoFails) { "failed" } else { "completed" };
                http::answer(&mut stream, 200, "", &json!({"id": "video_1", "status": status}).to_string());
            }
            (_, "/start_profile" | "/stop_profile") if self.setup.engine == Engine::SglangDiffusion => {
                http::answer(&mut stream, 404, "", "{\"detail\":\"Not Found\"}");
            }
            (_, "/start_profile" | "/stop_profile") if self.setup.has(Trick::Gateway) => {
                http::answer(&mut stream, 404, "", "");
            }
            ("POST", "/start_profile") => self.start_profile(&request, &mut stream),
            ("POST", "/stop_profile") => self.stop_profile(&mut stream),
            (_, "/start_profile" | "/stop_profile") => {
                http::answer(&mut stream, 405, "", "{\"detail\":\"Method Not Allowed\"}");
            }
            ("GET", path) => match self.told(path) {
                Some(value) => http::answer(&mut stream, 200, "", &value.to_string()),
                None => http::answer(&mut stream, 404, "", "{\"detail\":\"Not Found\"}"),
            },
            _ => http::answer(&mut stream, 404, "", "{\"detail\":\"Not Found\"}"),
        }
    }

    /// Which key opens what differs by engine.
    fn is_allowed(&self, request: &Request) -> bool {
        let is_profiler = request.path.ends_with("_profile");
        let wanted = match self.setup.engine {
            Engine::Vllm | Engine::VllmOld => self.setup.api_key.filter(|_| request.path.starts_with("/v1")),
            _ if is_profiler => self.setup.admin_key.or(self.setup.api_key),
            _ => self.setup.api_key,
        };
        wanted.is_none() || request.key() == wanted
    }

    fn told(&self, path: &str) -> Option<Value> {
        let engine = self.setup.engine;
        let is_sglang = matches!(engine, Engine::Sglang | Engine::SglangOld);
        if self.setup.has(Trick::Endless) {
            return Some(Value::String("x".repeat(9 << 20)));
        }
        let info = || {
            json!({
                "version": self.setup.version(),
                "tp_size": self.setup.ranks, "dp_size": 1, "pp_size": 1, "max_running_requests": self.setup.max_running,
                "model_path": "/models/tiny", "api_key": self.setup.api_key, "admin_api_key": self.setup.admin_key,
                "launch_command": "python -m sglang.launch_server --api-key leaked-by-the-server",
                "internal_states": [{}],
            })
        };
        let owner = match engine {
            Engine::Sglang | Engine::SglangOld => "sglang",
            Engine::Vllm | Engine::VllmOld => "vllm",
            Engine::TensorRtLlm => "tensorrt_llm",
            Engine::TokenSpeed => "tokenspeed",
            Engine::SglangDiffusion => return None,
        };
        // Older versions have the older names alone.
        let has_new_names = engine == Engine::Sglang && self.setup.version != Some("0.5.2");
        match path {
            _ if self.setup.has(Trick::Sidecar) => None,
            "/workers" if self.setup.has(Trick::Gateway) => Some(json!([
                {"id": "1", "url": "http://10.0.0.1:30000", "mode": "prefill"},
                {"id": "2", "url": "http://10.0.0.2:30000", "mode": "decode"},
            ])),
            "/server_info" if self.setup.has(Trick::TellsTorch) => {
                Some(json!({"vllm_config": {}, "system_env": {"torch_version": "2.13.0+cpu"}}))
            }
            "/server_info" if self.setup.has(Trick::TellsSecondProfiler) => {
                let mut told = info();
                told["env"] = json!({"SGLANG_PROFILE_V2": "1"});
                Some(told)
            }
            "/v1/models" => Some(json!({"data": [{"id": "tiny", "owned_by": owner}]})),
            "/server_info" => has_new_names.then(info),
            "/get_server_info" => (is_sglang || engine == Engine::TokenSpeed).then(info),
            "/model_info" | "/get_model_info" if is_sglang && (has_new_names || path != "/model_info") => {
                Some(json!({"disaggregation_mode": if self.setup.has(Trick::PrefillWorker) {
                    json!("prefill")
                } else if self.setup.has(Trick::DecodeWorker) {
                    json!("decode")
                } else {
                    Value::Null
                }}))
            }
            "/version" => match engine {
                Engine::Vllm | Engine::VllmOld | Engine::TensorRtLlm => {
                    Some(json!({"version": self.setup.version()}))
                }
                Engine::Sglang | Engine::SglangOld | Engine::TokenSpeed | Engine::SglangDiffusion => None,
            },
            _ => None,
        }
    }

    fn diffuse(&self, request: &Request, stream: &mut impl Write) {
        let body = request.json();
        let is_video = request.path == "/v1/videos";
        if body["profile"] == Value::Bool(true) && self.setup.has(Trick::FallsBack) {
            let log = self.setup.dir.join("server.log");
            let mut log = std::fs::OpenOptions::new().append(true).open(log).unwrap();
            log.write_all(b"WARNING: Falling back to diffusers backend\n").unwrap();
            // It does the work, and writes nothing of it.
            while self.is_alive() {
                std::thread::sleep(Duration::from_millis(20));
            }
            return;
        }
        if body["profile"] == Value::Bool(true) && !self.setup.has(Trick::VideoFails) {
            let number = self.profiles.fetch_add(1, Ordering::SeqCst);
            let timesteps = body["num_profiled_timesteps"].as_u64().unwrap();
            engine::diffuse(&self.setup, number, timesteps, body["profile_all_stages"] == Value::Bool(true));
        }
        let answer = if is_video {
            json!({"id": "video_1", "status": "queued"})
        } else {
            json!({"created": 1, "data": [{"b64_json": "A".repeat(9 << 20)}]})
        };
        http::answer(stream, 200, "", &answer.to_string());
    }

    fn generate(&self, request: &Request, stream: &mut impl Write) {
        let body = request.json();
        let prompt = body.get("input_ids").or_else(|| body.get("prompt")).and_then(Value::as_array);
        let input = prompt.map_or(0, Vec::len) as u64;
        let output = ["/sampling_params/max_new_tokens", "/max_tokens"]
            .iter()
            .find_map(|place| body.pointer(place))
            .and_then(Value::as_u64)
            .unwrap_or(1);
        if let Some(Trick::RequestStatus(status)) =
            self.setup.tricks.iter().find(|trick| matches!(trick, Trick::RequestStatus(_)))
            && self.active.lock().unwrap().is_some()
        {
            return http::answer(
                stream,
                *status,
                "",
                "{\"error\":{\"message\":\"the context is 256 tokens\"}}",
            );
        }
        let (prefill, decode) = match self.setup.workers.as_slice() {
            [prefill, decode] => (prefill.as_ref(), decode.as_ref()),
            _ => (self, self),
        };
        prefill.record(Mark::Prefill { tokens: input as u32 });
        if output == 1 && prefill.setup.engine == Engine::Vllm {
            prefill.record(Mark::Empty);
        }
        let counted = output - u64::from(self.setup.has(Trick::CountsLess));
        if body.get("stream") != Some(&Value::Bool(true)) {
            for _ in 1..output {
                decode.record(Mark::Decode { batch: 1 });
            }
            return http::answer(stream, 200, "", &self.usage(input, counted).to_string());
        }
        if !http::begin_events(stream) {
            return;
        }
        decode.streams.fetch_add(1, Ordering::SeqCst);
        let begin = decode.tokens.load(Ordering::SeqCst);
        let mut sent = 0;
        while sent < counted && self.is_alive() {
            std::thread::sleep(Duration::from_millis(2));
            let stalls = self.setup.has(Trick::StreamsStall)
                || (self.setup.has(Trick::StreamsStallOnce) && !self.was_stopped.load(Ordering::SeqCst));
            let is_stalled = stalls && decode.active.lock().unwrap().is_some();
            let due = if is_stalled { sent } else { 1 + decode.tokens.load(Ordering::SeqCst) - begin };
            if due > sent {
                sent = due.min(counted);
                if !http::event(stream, &self.usage(input, sent).to_string()) {
                    break;
                }
            }
        }
        decode.streams.fetch_sub(1, Ordering::SeqCst);
        if self.is_alive() {
            http::event(stream, "[DONE]");
            http::end_events(stream);
        }
    }

    fn usage(&self, input: u64, output: u64) -> Value {
        let cached = if self.setup.has(Trick::Cached) { input } else { 0 };
        match self.setup.engine {
            Engine::Sglang | Engine::SglangOld | Engine::TokenSpeed | Engine::SglangDiffusion => {
                json!({"text": "a", "meta_info": {
                "prompt_tokens": input, "completion_tokens": output, "cached_tokens": cached}})
            }
            Engine::Vllm | Engine::VllmOld | Engine::TensorRtLlm => {
                json!({"choices": [{"text": "a"}], "usage": {
                "prompt_tokens": input, "completion_tokens": output, "prompt_tokens_details": {"cached_tokens": cached}}})
            }
        }
    }

    /// One step for all streams together.
    fn decode_step(&self) {
        let batch = self.streams.load(Ordering::SeqCst);
        if batch > 0 {
            self.record(Mark::Decode { batch });
            self.tokens.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// A step ran. The engine stands still while its profiler writes.
    fn record(&self, mark: Mark) {
        let mut active = self.active.lock().unwrap();
        let number = self.profiles.load(Ordering::SeqCst);
        let Some(profile) = active.as_mut() else { return };
        if !profile.record(&self.setup, number, mark) {
            return;
        }
        if !profile.by_stage {
            profile.write(&self.setup, number, "");
        }
        if self.setup.engine == Engine::Vllm {
            profile.is_over = true;
        } else {
            *active = None;
        }
    }
}
