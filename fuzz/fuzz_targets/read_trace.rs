//! A trace is untrusted: no bytes may make the reader panic, hang or give two answers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use profgate::trace::{self, Trace};

fuzz_target!(|bytes: &[u8]| match (trace::read(bytes), trace::read(bytes)) {
    (Ok(first), Ok(second)) => assert_eq!(facts(&first), facts(&second)),
    (Err(first), Err(second)) => {
        assert_eq!(first, second);
        assert!(!first.to_string().is_empty(), "an error without words");
    }
    (first, second) => panic!("read once as {first:?}, once as {second:?}"),
});

/// What later stages see, without the name table: it holds a hash map, and its order means nothing.
fn facts(trace: &Trace) -> String {
    let Trace {
        header,
        names: _,
        activities,
        launches,
        setups,
        cpu_ops,
        python_frames,
        annotations,
        merged_from,
        events,
        health,
    } = trace;
    format!(
        "{} {:?} {header:?} {activities:?} {launches:?} {setups:?} {cpu_ops:?} {python_frames:?} \
         {annotations:?} {merged_from:?} {events:?} {health:?}",
        trace.kernel_count(),
        trace.gpu(),
    )
}
