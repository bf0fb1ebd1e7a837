//! From a running server to a capture folder: the whole of it, in order.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::Value;

use super::address::Address;
use super::detect::{Server, detect};
use super::diffusion;
use super::drive::{Drive, Kind};
use super::fault::Failure;
use super::framework::Framework;
use super::http::Http;
use super::interrupt::Interrupt;
use super::keep;
use super::load::Load;
use super::log_watch::refuse_fallback;
use super::manifest::{self, Manifest, ManifestProfile, ManifestWorkload, SCHEMA};
use super::options::CaptureOptions;
use super::protocol::ignores_by_stage;
use super::session::{Peer, Profile, Session};
use super::trace_file::TraceFile;
use super::workload::Phase;

/// A capture that was made.
#[derive(Debug)]
pub struct Made {
    /// The folders of the captures, one for each repeat.
    pub captures: Vec<PathBuf>,
    /// What the folder's manifest says.
    pub manifest: Manifest,
    /// What the user should know, a sentence each.
    pub notes: Vec<String>,
}

/// Makes a capture, or a set of them, of a running server.
pub fn capture(
    options: &CaptureOptions,
    interrupt: &Interrupt,
    progress: &dyn Fn(&str),
) -> Result<Made, Failure> {
    options.check()?;
    refuse_fallback(options)?;
    let mut peers = Peers::ask(options)?;
    peers.refuse(options)?;
    fresh(&options.output)?;
    let session = Session { options, interrupt, progress };
    let mut next = first_prompt();
    let mut notes = peers.notes.clone();
    let mut made = Made { captures: Vec::new(), manifest: peers.manifest(options), notes: Vec::new() };
    for repeat in 1..=options.repeats.max(1) {
        let folder = if options.repeats > 1 {
            progress(&format!("capture {repeat} of {}", options.repeats));
            options.output.join(format!("repeat-{repeat}"))
        } else {
            options.output.clone()
        };
        let manifest = one(&session, &peers, &mut next, &folder, &mut notes)?;
        made.captures.push(folder);
        if options.repeats > 1 {
            made.manifest.captures.push(format!("repeat-{repeat}"));
        } else {
            made.manifest = manifest;
        }
    }
    if options.repeats > 1 {
        write_json(&options.output.join(manifest::FILE_NAME), &made.manifest)?;
    }
    let mut told = std::collections::BTreeSet::new();
    notes.retain(|note| told.insert(note.clone()));
    made.notes = notes;
    Ok(made)
}

/// One capture: a profile for each stage, or one for all.
fn one(
    session: &Session<'_>,
    peers: &Peers,
    next: &mut u64,
    folder: &Path,
    notes: &mut Vec<String>,
) -> Result<Manifest, Failure> {
    let options = session.options;
    let mut manifest = peers.manifest(options);
    create(folder)?;
    if let Some(diffusion) = &options.diffusion {
        let peer = peers.profiler(None);
        let profile = diffusion::profile(session, peer, diffusion)?;
        let target = folder.join("diffusion");
        manifest.profiles.push(finish(profile, "diffusion", peer, options, (folder, &target), notes)?);
    } else {
        let unique = unique();
        for (name, kind) in kinds(options) {
            let peer = peers.of(&kind);
            let load = Load {
                http: &peers.traffic.http,
                server: &peers.traffic.server,
                timeout: options.timings.request,
                interrupt: session.interrupt,
            };
            let mut drive = Drive::new(kind.clone(), load, options, next);
            let target = if kind == Kind::ByStage { folder.to_owned() } else { folder.join(name) };
            let profile = session.profile(peer, &mut drive, &format!("{unique}/{name}"), &target)?;
            manifest.profiles.push(finish(profile, name, peer, options, (folder, &target), notes)?);
        }
    }
    refuse_fallback(options)?;
    let args = &peers.profiler(None).server.args;
    if !args.is_empty() {
        write_json(&folder.join("server_args.json"), &Value::Object(args.clone()))?;
    }
    write_json(&folder.join(manifest::FILE_NAME), &manifest)?;
    Ok(manifest)
}

/// Judges a profile and puts its files into the capture's folder.
fn finish(
    profile: Profile,
    stage: &str,
    peer: &Peer,
    options: &CaptureOptions,
    (folder, target): (&Path, &Path),
    notes: &mut Vec<String>,
) -> Result<ManifestProfile, Failure> {
    notes.extend(profile.notes.iter().cloned());
    notes.extend(keep::judge(&profile, options)?);
    let files = keep::keep(&profile, folder, target)?;
    let mut sent = profile.driven.prefill;
    sent.add_all(profile.driven.decode);
    let told =
        |of: fn(&TraceFile) -> &Option<String>| profile.found.files.iter().find_map(|file| of(file).clone());
    Ok(ManifestProfile {
        gpu: told(|file| &file.gpu),
        runtime: told(|file| &file.runtime),
        driver: told(|file| &file.driver),
        stage: stage.to_owned(),
        profiler: peer.http.address().to_string(),
        server_dir: profile.server_dir,
        sent: sent.into(),
        times_ms: profile.times.into(),
        files,
        left_out: profile.found.others,
    })
}

/// What is profiled, with the names of the folders.
fn kinds(options: &CaptureOptions) -> Vec<(&'static str, Kind)> {
    match &options.command {
        Some(command) => vec![("workload", Kind::Command(command.clone()))],
        None if options.by_stage => vec![("by-stage", Kind::ByStage)],
        None => options.phases.iter().map(|phase| (phase.as_str(), Kind::Phase(*phase))).collect(),
    }
}

/// The servers of a capture, each asked once.
struct Peers {
    traffic: Peer,
    prefill: Option<Peer>,
    decode: Option<Peer>,
    notes: Vec<String>,
}

impl Peers {
    fn ask(options: &CaptureOptions) -> Result<Self, Failure> {
        let mut notes = Vec::new();
        let mut peer = |address: &Address| -> Result<Peer, Failure> {
            let http = Http::new(address, &options.keys, options.ca_cert.as_deref())?;
            let has_secret =
                options.keys.api.is_some() || options.keys.admin.is_some() || address.login().is_some();
            if has_secret && !address.is_encrypted() && !address.is_loopback() {
                notes.push(format!("a key goes to {address} unencrypted; use https where others can listen"));
            }
            let server = detect(&http, options.engine(), options.timings.ask)?;
            Ok(Peer { http, server })
        };
        let prefill = options.prefill_url.as_ref().map(&mut peer).transpose()?;
        let decode = options.decode_url.as_ref().map(&mut peer).transpose()?;
        // A router may know less of the engine than its workers.
        let known = prefill.as_ref().or(decode.as_ref()).map(|peer| peer.server.clone());
        let traffic = match known {
            None => peer(&options.url)?,
            Some(server) => {
                Peer { http: Http::new(&options.url, &options.keys, options.ca_cert.as_deref())?, server }
            }
        };
        Ok(Self { traffic, prefill, decode, notes })
    }

    fn profiler(&self, phase: Option<Phase>) -> &Peer {
        let worker = match phase {
            Some(Phase::Prefill) => self.prefill.as_ref(),
            Some(Phase::Decode) => self.decode.as_ref(),
            None => self.prefill.as_ref().or(self.decode.as_ref()),
        };
        worker.unwrap_or(&self.traffic)
    }

    fn of(&self, kind: &Kind) -> &Peer {
        match kind {
            Kind::Phase(phase) => self.profiler(Some(*phase)),
            Kind::ByStage | Kind::Command(_) => self.profiler(None),
        }
    }

    /// Refuses what these servers cannot do, before anything is started.
    fn refuse(&mut self, options: &CaptureOptions) -> Result<(), Failure> {
        let framework = self.profiler(None).server.framework;
        if options.diffusion.is_some() {
            return match framework {
                Framework::Sglang => Ok(()),
                Framework::Vllm | Framework::TensorRtLlm | Framework::TokenSpeed => Err(Failure::usage(
                    format!("{framework} has no profile of single requests"),
                    "--diffusion asks for one, and only SGLang's diffusion server has it",
                    "leave --diffusion out, or name a diffusion server of SGLang",
                )),
            };
        }
        if options.by_stage && !framework.has_by_stage() {
            return Err(Failure::usage(
                format!("{framework} cannot tell the stages apart"),
                "--profile-by-stage was given, and its profiler has no such request",
                "leave it out: prefill and decode are captured one after the other anyway",
            ));
        }
        let version = self.profiler(None).server.version.as_deref();
        if options.by_stage && ignores_by_stage(framework, version) {
            return Err(Failure::usage(
                format!("{framework} {} cannot tell the stages apart", version.unwrap_or_default()),
                "--profile-by-stage was given, and its profiler ignores such a request before 0.5.2",
                "leave it out: prefill and decode are captured one after the other anyway",
            ));
        }
        if options.profile_v2 && framework == Framework::Sglang && !options.by_stage {
            return Err(Failure::usage(
                "SGLang's second profiler knows stages only",
                "--sglang-profile-v2 was given without --profile-by-stage, and such a start ends the server",
                "add --profile-by-stage",
            ));
        }
        let workers = [Some(&self.traffic), self.prefill.as_ref(), self.decode.as_ref()];
        if !options.profile_v2
            && let Some(peer) = workers.into_iter().flatten().find(|peer| peer.server.has_profile_v2)
        {
            return Err(Failure::usage(
                "the server's profiler is SGLang's second one",
                format!(
                    "{} runs with SGLANG_PROFILE_V2, and a stop request would end it",
                    peer.http.address()
                ),
                "add --profile-by-stage --sglang-profile-v2",
            ));
        }
        let limit = self.traffic.server.number("max_running_requests");
        let batch = u64::from(options.workload.decode_batch);
        if let Some(limit) = limit.filter(|limit| *limit > 0 && *limit < batch)
            && options.command.is_none()
            && options.phases.contains(&Phase::Decode)
        {
            return Err(Failure::usage(
                "the decode batch is larger than the server runs at once",
                format!("--decode-batch is {batch} and the server's max_running_requests is {limit}"),
                format!("give --decode-batch {limit}, or raise the server's limit"),
            ));
        }
        for kind in kinds(options) {
            super::session::refuse_role(
                &self.of(&kind.1).server,
                match kind.1 {
                    Kind::Phase(phase) => Some(phase),
                    Kind::ByStage | Kind::Command(_) => None,
                },
                self.of(&kind.1).http.address(),
            )?;
        }
        if options.by_stage && framework == Framework::TokenSpeed {
            self.notes.push(
                "TokenSpeed's gateway may drop profile_by_stage; then the files are not by stage".to_owned(),
            );
        }
        Ok(())
    }

    fn manifest(&self, options: &CaptureOptions) -> Manifest {
        let server: &Server = &self.profiler(None).server;
        let command = options.command.as_deref().map(|command| self.traffic.http.hide(command));
        Manifest {
            schema: SCHEMA,
            profgate: env!("CARGO_PKG_VERSION").to_owned(),
            framework: server.framework.as_str().to_owned(),
            version: server.version.clone(),
            torch: server.torch.clone(),
            model: server.model.clone(),
            url: options.url.to_string(),
            num_steps: options.num_steps,
            workload: ManifestWorkload::of(&options.workload, command.as_deref()),
            captures: Vec::new(),
            profiles: Vec::new(),
        }
    }
}

/// The output must be new: an older capture beside this one would become part of it.
fn fresh(output: &Path) -> Result<(), Failure> {
    let is_used = match fs::read_dir(output) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => return Err(cannot_write(output, &error)),
    };
    if is_used {
        return Err(Failure::usage(
            "the output folder is not empty",
            output.display().to_string(),
            "name a new one, or remove what is there",
        ));
    }
    create(output)
}

fn create(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| cannot_write(folder, &error))
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| cannot_write(path, &std::io::Error::other(error)))?;
    fs::write(path, text + "\n").map_err(|error| cannot_write(path, &error))
}

pub(super) fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new("cannot write", format!("{}: {error}", path.display()), "check the path and its permissions")
}

/// A name that no other capture has.
fn unique() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("profgate-{}-{}", now.as_nanos(), std::process::id())
}

/// Another capture's prompts may still be in the server's prefix cache; these begin elsewhere.
fn first_prompt() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::from(now.subsec_nanos()).wrapping_add(now.as_secs().wrapping_mul(1_000_003)) % 2_000_000_000
}
