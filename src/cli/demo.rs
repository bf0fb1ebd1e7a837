//! `profgate demo`: the main job on built-in data, so that it can be seen before a GPU is at hand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::args::DemoArgs;
use super::context::Context;
use super::error::CliError;
use crate::common::date::Date;
use crate::publish::files::{self, ReportSet};
use crate::report;
use crate::run::check::{CheckOptions, Scenario, check};
use crate::synth::{self, presets};
use crate::verdict::Policy;

/// The baseline of the demo's server, recorded from the capture in which its fused kernel still runs.
pub const BASELINE: &str = include_str!("../../baselines/demo-moe-decode.b300.yaml");

/// Writes a before/after pair, judges the second against the baseline, prints verdict and comment.
///
/// The verdict is red and the command ends with 0: the demonstration worked.
pub fn run(args: &DemoArgs, context: &Context) -> Result<u8, CliError> {
    let dir = &args.output;
    let write = |path: &Path, error: std::io::Error| CliError::write(path, &error);
    let [before, after] = ["before", "after"].map(|name| dir.join(name));
    for (folder, workload) in [(&before, presets::moe_decode()), (&after, presets::moe_decode_unfused())] {
        std::fs::create_dir_all(folder).map_err(|error| write(folder, error))?;
        synth::write_capture(&workload, folder).map_err(|error| write(folder, error))?;
    }
    let baseline = dir.join("baseline.yaml");
    files::write(&baseline, BASELINE.as_bytes())?;
    let reports = ReportSet { dir: dir.join("report") };
    reports.prepare()?;
    let report = judge(&after, &baseline, context)?;
    reports.write_all(&report)?;
    if context.quiet {
        context.print(&report::text::check_line(&report))?;
        return Ok(0);
    }
    let shown = dir.display();
    context.print(&format!(
        "A server's decode step was recorded in {shown}/before. Then a flag switched its fused residual-add +\n\
         RMSNorm kernel off, and {shown}/after was recorded. This is what profgate says:\n\n\
         $ profgate check --baseline {shown}/baseline.yaml {shown}/after\n"
    ))?;
    context.print(&report::text::check(&report, context.width, context.color))?;
    context.print("\nThe comment it writes for the pull request:\n\n")?;
    context.print(&report::markdown::comment(&report))?;
    context.print(&format!(
        "\nreport.json, junit.xml and comment.md are in {shown}/report. The gate would have ended with exit code {}.\n\
         Compare: profgate check --baseline {shown}/baseline.yaml {shown}/before\n",
        report.exit_code
    ))?;
    Ok(0)
}

fn judge(
    capture: &Path,
    baseline: &Path,
    context: &Context,
) -> Result<crate::verdict::CheckReport, CliError> {
    let scenario = Scenario {
        levels: BTreeMap::new(),
        name: "demo-moe-decode".to_owned(),
        inputs: vec![PathBuf::from(capture)],
        mapping: Vec::new(),
        confirm: Vec::new(),
        baseline: Some(baseline.to_owned()),
        workload: None,
        promises: Vec::new(),
        waivers: Vec::new(),
        failed: None,
    };
    let progress = |done, all| context.progress(done, all);
    let options = CheckOptions {
        policy: Policy::default(),
        today: Date::today(),
        changed_files: Vec::new(),
        load: context.load_options(None, &[], &progress),
    };
    let mut report = check(&[scenario], &context.catalogs()?, &options)?.report;
    report.docs.clone_from(&context.docs);
    Ok(report)
}
