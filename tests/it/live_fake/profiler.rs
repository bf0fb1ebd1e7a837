//! What start and stop answer, engine by engine.

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use super::engine::Active;
use super::http::{self, Request};
use super::{Engine, Shared, Trick};

impl Shared {
    pub fn start_profile(&self, request: &Request, stream: &mut impl Write) {
        let body = request.json();
        if let Some(Trick::StartStatus(status)) =
            self.setup.tricks.iter().find(|trick| matches!(trick, Trick::StartStatus(_)))
        {
            let place =
                if (300..400).contains(status) { "location: http://127.0.0.1:1/elsewhere\r\n" } else { "" };
            return http::answer(stream, *status, place, "{\"detail\":\"no\"}");
        }
        if self.setup.has(Trick::EncoderNotReady) {
            return http::answer(stream, 503, "", "encoder not ready");
        }
        if self.setup.has(Trick::Stub) {
            return http::answer(stream, 200, "", "{\"status\":\"ok\"}");
        }
        if let Some(Trick::SlowStart(ms)) =
            self.setup.tricks.iter().find(|trick| matches!(trick, Trick::SlowStart(_)))
        {
            std::thread::sleep(Duration::from_millis(*ms));
        }
        if let Some(refused) = self.arm(&body) {
            let (status, text) = refused;
            return http::answer(stream, status, "", &text);
        }
        if self.setup.has(Trick::ResetsStart) {
            return;
        }
        if self.setup.has(Trick::PartlyStarted) {
            return http::answer(stream, 200, "", &fan_out(true));
        }
        let answer = match self.setup.engine {
            Engine::Sglang => "Start profiling.\n".to_owned(),
            Engine::Vllm | Engine::VllmOld | Engine::SglangDiffusion => String::new(),
            Engine::TensorRtLlm => json!({"message": "Profiling started"}).to_string(),
            Engine::TokenSpeed => json!({"successful": 1, "failed": 0, "total_workers": 1}).to_string(),
            Engine::SglangOld => {
                while self.active.lock().unwrap().is_some() && self.is_alive() {
                    std::thread::sleep(Duration::from_millis(5));
                }
                "Start profiling.\n".to_owned()
            }
        };
        http::answer(stream, 200, "", &answer);
        if self.setup.has(Trick::DiesAfterStart) {
            self.is_alive.store(false, Ordering::SeqCst);
        }
    }

    /// Starts the profiler, or says why not.
    fn arm(&self, body: &Value) -> Option<(u16, String)> {
        let mut active = self.active.lock().unwrap();
        if active.is_some() {
            let message =
                "A profiling session is already active. Call /stop_profile before starting another session.";
            match self.setup.engine {
                Engine::Vllm => {
                    return Some((409, json!({"error": {"message": message, "code": 409}}).to_string()));
                }
                Engine::TensorRtLlm => {
                    return Some((409, json!({"success": false, "message": message}).to_string()));
                }
                Engine::TokenSpeed => {
                    let message = "Profiling is already in progress. Call /stop_profile first.";
                    return Some((200, json!({"success": false, "message": message}).to_string()));
                }
                Engine::VllmOld | Engine::SglangDiffusion => return None,
                Engine::Sglang | Engine::SglangOld => {
                    if body.get("profile_by_stage").is_some() {
                        return Some((500, "Internal Server Error".to_owned()));
                    }
                    // The first one's directory and name stay; what it had recorded is lost.
                    if let Some(first) = active.as_mut() {
                        first.marks.clear();
                    }
                    return None;
                }
            }
        }
        let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
        let number = |key: &str| body.get(key).and_then(Value::as_u64).map(|n| n as usize);
        let is_vllm = matches!(self.setup.engine, Engine::Vllm | Engine::VllmOld);
        let has_fields = self.setup.engine != Engine::VllmOld;
        self.profiles.fetch_add(1, Ordering::SeqCst);
        *active = Some(Active {
            num_steps: if is_vllm {
                number("max_iterations").filter(|_| has_fields)
            } else {
                number("num_steps")
            },
            by_stage: body.get("profile_by_stage") == Some(&Value::Bool(true)),
            dir: if is_vllm { self.setup.dir.clone() } else { PathBuf::from(text("output_dir").unwrap()) },
            prefix: text("profile_prefix")
                .filter(|_| has_fields)
                .map_or_else(String::new, |p| format!("{p}_")),
            marks: Vec::new(),
            wrote_prefill: false,
            is_over: false,
        });
        None
    }

    pub fn stop_profile(&self, stream: &mut impl Write) {
        if self.setup.has(Trick::Stub) {
            return http::answer(stream, 200, "", "{\"status\":\"ok\"}");
        }
        if self.setup.has(Trick::SecondProfiler) {
            self.is_alive.store(false, Ordering::SeqCst);
            return;
        }
        if let Some(Trick::SlowStop(ms)) =
            self.setup.tricks.iter().find(|trick| matches!(trick, Trick::SlowStop(_)))
        {
            std::thread::sleep(Duration::from_millis(*ms));
        }
        self.was_stopped.store(true, Ordering::SeqCst);
        let number = self.profiles.load(Ordering::SeqCst);
        let stopped = self.active.lock().unwrap().take();
        let was_active = stopped.is_some();
        if let Some(mut profile) = stopped {
            profile.write(&self.setup, number, "");
        }
        if self.setup.has(Trick::PartlyStarted) || self.setup.has(Trick::PartlyStopped) {
            return http::answer(stream, 200, "", &fan_out(self.setup.has(Trick::PartlyStopped)));
        }
        match self.setup.engine {
            Engine::Vllm | Engine::VllmOld => http::answer(stream, 200, "", ""),
            Engine::Sglang | Engine::SglangOld if was_active => {
                http::answer(stream, 200, "", "Stop profiling. This will take some time.\n");
            }
            Engine::Sglang | Engine::SglangOld => http::answer(stream, 500, "", "Internal Server Error"),
            Engine::TensorRtLlm | Engine::TokenSpeed | Engine::SglangDiffusion => {
                http::answer(stream, 200, "", "{\"successful\":1,\"failed\":0}")
            }
        }
    }
}

/// What a router answers that asked two workers.
fn fan_out(is_partial: bool) -> String {
    let failed = u32::from(is_partial);
    let message = if is_partial { "worker http://w2 refused" } else { "all workers answered" };
    json!({"successful": 2 - failed, "failed": failed, "total_workers": 2, "message": message}).to_string()
}
