//! A baseline of a generated workload, and what the gate says of another one.

use std::path::{Path, PathBuf};

use profgate::synth::Workload;
use serde_json::Value;

use super::{Scratch, arg, run_in};

/// A folder with a baseline `b.yaml` and the capture `before` that it was recorded from.
pub struct Gate {
    /// The folder.
    pub scratch: Scratch,
}

impl Gate {
    /// A baseline of this workload.
    pub fn of(name: &str, before: &Workload) -> Self {
        Self::of_repeats(name, before, 1)
    }

    /// A baseline of so many captures that differ by noise alone.
    pub fn of_repeats(name: &str, before: &Workload, captures: u64) -> Self {
        let scratch = Scratch::new(&format!("gate-{name}"));
        scratch.capture("before", before);
        let mut args = vec!["baseline".to_owned(), "record".to_owned(), "before".to_owned()];
        for seed in 1..captures {
            let name = format!("before-{seed}");
            scratch.capture(&name, &Workload { seed: before.seed + seed, ..before.clone() });
            args.extend(["--repeat".to_owned(), name]);
        }
        args.extend(["-o".to_owned(), "b.yaml".to_owned()]);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let recorded = run_in(&scratch.path(""), &args);
        assert_eq!(recorded.code, 0, "{}", recorded.stderr);
        Self { scratch }
    }

    /// The folder.
    pub fn here(&self) -> PathBuf {
        self.scratch.path("")
    }

    /// Generates a capture `after`, in place of any that was there, and checks it.
    pub fn check(&self, after: &Workload, more: &[&str]) -> Said {
        let _ = std::fs::remove_dir_all(self.scratch.path("after"));
        let folder = self.scratch.capture("after", after);
        self.check_folder(&folder, more)
    }

    /// Checks a capture.
    pub fn check_folder(&self, folder: &Path, more: &[&str]) -> Said {
        let args = [&["check", "--baseline", "b.yaml", "--today", "2026-06-01", arg(folder)], more].concat();
        let run = run_in(&self.here(), &args);
        let report = std::fs::read(self.here().join("profgate-report/report.json"));
        let report: Value =
            serde_json::from_slice(&report.unwrap_or_else(|_| panic!("{}", run.stderr))).unwrap();
        Said { code: run.code, scenario: report["scenarios"][0].clone(), text: run.stdout }
    }
}

/// What the gate said.
pub struct Said {
    /// The exit code.
    pub code: i32,
    /// The scenario of the report.
    pub scenario: Value,
    /// What was printed.
    pub text: String,
}

impl Said {
    fn all(&self) -> impl Iterator<Item = &Value> {
        let list = |key: &str| self.scenario[key].as_array().unwrap();
        list("findings").iter().chain(list("improvements"))
    }

    /// Code and level of all findings, improvements last.
    pub fn codes(&self) -> Vec<(&str, &str)> {
        self.all().map(|one| (one["code"].as_str().unwrap(), one["level"].as_str().unwrap())).collect()
    }

    /// The first finding of a code.
    pub fn finding(&self, code: &str) -> &Value {
        self.all().find(|one| one["code"] == code).unwrap_or_else(|| panic!("no {code} in\n{}", self.text))
    }

    /// Cases that are failures.
    pub fn violated(&self) -> usize {
        self.scenario["cases"].as_array().unwrap().iter().filter(|case| case["result"] == "violated").count()
    }
}

/// Records the first, checks the second.
pub fn judge(name: &str, before: &Workload, after: &Workload) -> Said {
    Gate::of(name, before).check(after, &[])
}

/// The workload with a change, which must hit something.
pub fn changed(mut workload: Workload, change: impl FnOnce(&mut Workload) -> usize) -> Workload {
    assert!(change(&mut workload) > 0, "nothing has that name");
    workload
}
