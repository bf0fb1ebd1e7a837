//! Temporary stand-in.
#![allow(missing_docs, unused_variables, clippy::missing_errors_doc, reason = "stand-in")]
pub mod json {
    pub fn check(r: &crate::verdict::CheckReport) -> String {
        serde_json::to_string_pretty(r).unwrap_or_default() + "\n"
    }
    pub fn triage(r: &crate::triage::Triage) -> String {
        serde_json::to_string_pretty(r).unwrap_or_default() + "\n"
    }
}
pub mod markdown {
    pub fn comment(r: &crate::verdict::CheckReport) -> String {
        String::new()
    }
    pub fn triage(r: &crate::triage::Triage, m: f64) -> String {
        String::new()
    }
}
pub mod text {
    pub fn check(r: &crate::verdict::CheckReport, w: usize, c: bool) -> String {
        let mut s = format!("{:?}\n", r.verdict);
        for x in &r.scenarios {
            for f in x.findings.iter().chain(&x.improvements) {
                s += &format!("{} {} {}\n", f.code.as_str(), f.subject, f.message);
                for e in &f.evidence {
                    s += &format!("   {e}\n");
                }
            }
            s += &format!("{:?} {:?}\n", x.price, x.unknowns);
        }
        s
    }
    pub fn check_line(r: &crate::verdict::CheckReport) -> String {
        String::new()
    }
    pub fn triage(t: &crate::triage::Triage, m: f64, w: usize, c: bool) -> String {
        let mut s = String::new();
        for st in &t.stages {
            s += &format!("{:?} {:?}\n", st.stage, st.steps);
            for k in &st.kernels {
                if k.share_pct >= m {
                    s += &format!(
                        "{:6.2}% {:8.1} {:10.1} {:?} {}\n",
                        k.share_pct,
                        k.launches_per_step,
                        k.per_step_ns as f64 / 1e3,
                        k.role,
                        k.kernel
                    );
                }
            }
        }
        s
    }
}
pub mod github {
    pub fn annotations(r: &crate::verdict::CheckReport) -> Vec<String> {
        Vec::new()
    }
}
