//! Judges whether a profile holds what was asked for, and puts its files into the capture's folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::fault::Failure;
use super::make::cannot_write;
use super::manifest::ManifestFile;
use super::options::CaptureOptions;
use super::session::Profile;
use super::trace_file::Steps;
use super::workload::Phase;
use crate::common::text::count;
use crate::source::{file_name, sha256_of};

/// Fails when the files do not hold what was asked for; else what the user should know.
pub fn judge(profile: &Profile, options: &CaptureOptions) -> Result<Vec<String>, Failure> {
    let files = &profile.found.files;
    let mut places = BTreeSet::new();
    for file in files {
        if !places.insert((file.phase, file.replica, file.rank)) {
            return Err(Failure::new(
                "two profiles are mixed",
                format!("{} is the second file of its rank", file.path.display()),
                "somebody else profiled at the same time; capture again",
            ));
        }
    }
    let mut notes = Vec::new();
    for file in files {
        let name = file_name(&file.path);
        let steps = file.steps;
        if steps.total() == 0 && file.kernels == 0 {
            return Err(Failure::new(
                "nothing was recorded",
                format!("{name} holds no step and no kernel"),
                "make sure that the requests reach the server that is profiled, and profile again",
            ));
        }
        if steps.total() == 0 {
            notes.push(format!("{name} marks no step; steps will be told from its kernels"));
            continue;
        }
        if let Some(phase) = profile.phase.or(file.phase) {
            notes.extend(judge_phase(&name, steps, phase, options)?);
        }
    }
    if let Some(uncounted) = [profile.driven.prefill.uncounted, profile.driven.decode.uncounted].iter().max()
        && *uncounted > 0
    {
        notes.push(format!("the server counted no tokens for {}", count(*uncounted, "request")));
    }
    Ok(notes)
}

fn judge_phase(
    name: &str,
    steps: Steps,
    phase: Phase,
    options: &CaptureOptions,
) -> Result<Vec<String>, Failure> {
    let (wanted, there) = (u64::from(options.num_steps), steps.of(phase));
    let all = steps.total();
    if there == 0 {
        return Err(Failure::new(
            format!("no {} step was recorded", phase.as_str()),
            format!("{name} holds {}, none of this stage", count(all, "other step")),
            "make sure that nobody else uses the server while it is profiled",
        ));
    }
    let mut notes = Vec::new();
    if there < wanted {
        notes.push(format!("{name} holds {} of the {wanted} asked for", count(there, "step")));
    }
    if all > there && options.command.is_none() {
        notes.push(format!(
            "{name} also holds {}",
            count(all - there, "step of another stage").replace("stages", "stage")
        ));
    }
    let batch = u64::from(options.workload.decode_batch);
    if phase == Phase::Decode
        && options.command.is_none()
        && steps.decode_batch > 0
        && steps.decode_batch < batch
    {
        notes.push(format!(
            "the largest batch in {name} is {}, and {batch} were sent at once",
            steps.decode_batch
        ));
    }
    Ok(notes)
}

/// Puts the files where they belong: those that the server wrote into the capture's folder are moved, others copied.
pub fn keep(profile: &Profile, root: &Path, target: &Path) -> Result<Vec<ManifestFile>, Failure> {
    let mut kept = Vec::new();
    for file in &profile.found.files {
        let path = target.join(file_name(&file.path));
        if file.path.starts_with(root) {
            fs::rename(&file.path, &path).map_err(|error| cannot_write(&path, &error))?;
            if let Some(emptied) = file.path.parent() {
                // What else the server wrote stays there, and its folder with it.
                let _ = fs::remove_dir(emptied);
            }
        } else if !is_same(&file.path, &path) {
            fs::create_dir_all(target).map_err(|error| cannot_write(target, &error))?;
            fs::copy(&file.path, &path).map_err(|error| cannot_write(&path, &error))?;
            let copied = sha256_of(&path).map_err(|error| cannot_write(&path, &error))?;
            if copied != file.sha256 {
                return Err(Failure::new(
                    "a trace changed while it was copied",
                    file.path.display().to_string(),
                    "make sure that nobody else profiles this server, and capture again",
                ));
            }
        }
        kept.push(ManifestFile::of(file, &path, root));
    }
    Ok(kept)
}

fn is_same(a: &Path, b: &Path) -> bool {
    matches!((fs::canonicalize(a), fs::canonicalize(b)), (Ok(a), Ok(b)) if a == b)
}
