//! A diff of baselines hides no number that a verdict rests on.

use profgate::synth::presets;

use crate::support::{Scratch, run_in};

#[test]
fn a_diff_of_baselines_tells_every_number_that_decides() {
    let scratch = Scratch::new("baseline-diff-numbers");
    scratch.capture("old", &presets::moe_decode());
    let record = run_in(&scratch.path(""), &["baseline", "record", "old", "-o", "b.yaml"]);
    assert_eq!(record.code, 0, "{}", record.stderr);
    let text = std::fs::read_to_string(scratch.path("b.yaml")).unwrap();
    let row = text.lines().find(|line| line.contains("each-us: ")).unwrap().to_owned();
    let value_of = |key: &str| {
        let rest = row.split_once(&format!(" {key}: ")).unwrap().1;
        rest.split([',', ' ']).next().unwrap().to_owned()
    };
    let of_row = |key: &str, value: &str| {
        let old = format!(" {key}: {}", value_of(key));
        text.replacen(&row, &row.replacen(&old, &format!(" {key}: {value}"), 1), 1)
    };
    let activities = text.split_once("activities: ").unwrap().1.split(',').next().unwrap().to_owned();
    let kernel = value_of("kernel");
    let cases = [
        (text.replacen("captures: 1", "captures: 5", 1), "! captures: 1 → 5".to_owned()),
        (
            text.replacen(&format!("activities: {activities}"), "activities: 7", 1),
            format!("!   steps: activities {activities} → 7"),
        ),
        (of_row("each-us", "777"), format!("!   {kernel}: each-us {} → 777", value_of("each-us"))),
        (of_row("each-mad-us", "77.7"), format!("each-mad-us {} → 77.7", value_of("each-mad-us"))),
        (of_row("share", "99.9"), format!("share {} → 99.9", value_of("share"))),
        (
            text.replacen(&row, &row.replacen(", each-us", ", mad-us: 1.5, n: 4, each-us", 1), 1),
            format!("!   {kernel}: mad-us 0 → 1.5, n 1 → 4"),
        ),
    ];
    for (changed, wanted) in cases {
        assert_ne!(changed, text, "{wanted}");
        scratch.file("n.yaml", &changed);
        let diff = run_in(&scratch.path(""), &["baseline", "diff", "b.yaml", "n.yaml"]);
        assert_eq!(diff.code, 0, "{}", diff.stderr);
        assert!(diff.stdout.contains(&wanted), "{wanted}: {}", diff.stdout);
    }
}
