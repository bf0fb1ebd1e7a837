//! A baseline may come from a fork's pull request: no text may make its loader panic.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(error) = profgate::baseline::parse(text, Path::new("baselines/fuzz.yaml")) {
        assert!(!error.to_string().is_empty(), "an error without words");
    }
});
