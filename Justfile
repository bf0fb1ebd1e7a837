# List the recipes.
default:
    @just --list

# Everything that CI checks.
check:
    .ci/run

# The tests alone.
test:
    cargo test --locked

# Accept changed snapshots; look at `git diff` before you commit them.
bless:
    INSTA_UPDATE=always cargo test --locked

# Write docs/verdicts.md anew from the folder of real traces.
verdicts:
    PROFGATE_WRITE_VERDICTS=1 cargo test --locked --test it verdict_table

# Capture from a real server on the CPU: vllm, vllm-tp2 or sglang. Minutes and 7 GB; see docs/live-servers.md.
live ENGINE:
    cargo build --locked
    tests/live/run.sh {{ ENGINE }}

# A red verdict of the built-in pair of captures.
demo:
    cargo run --locked --release -- demo

# Fuzz one target for a minute: read_trace, load_baseline or load_config.
fuzz TARGET SECONDS="60":
    mkdir -p fuzz/corpus/{{ TARGET }}
    cargo fuzz run --sanitizer none {{ TARGET }} fuzz/corpus/{{ TARGET }} fuzz/seeds/{{ TARGET }} -- -max_total_time={{ SECONDS }}

# Write the JSON Schemas anew after a change of the types that they come from.
schemas:
    cargo build --locked
    for name in $(target/debug/profgate schema | cut -d' ' -f1); do target/debug/profgate schema "$name" > "schemas/$name.json"; done
