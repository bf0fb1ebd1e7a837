#!/bin/sh
# The gate for a CI without a recipe of its own. It needs `profgate` on PATH and the traces that profgate.yaml names, and
# leaves profgate-report/junit.xml for whatever shows test results. Exit codes: 0 pass, 1 the gate failed, 2 usage or
# configuration, 3 inconclusive, 4 no baseline, 5 capture or I/O. Only 0 is green: nothing passes because nothing was measured.
set -eu

# With the address of a running server it is profiled first, and one that cannot be is in the reports, too:
#   sh profgate-gate.sh qwen3-30b-decode --url http://127.0.0.1:30000

code=0
profgate check --report-dir profgate-report "$@" || code=$?

# The comment never changes the verdict. It is written where the CI says which pull or merge request this is and a token
# is there; see `profgate comment --help`.
if [ -f profgate-report/report.json ] && [ -n "${PROFGATE_TOKEN:-${GITHUB_TOKEN:-${GITLAB_TOKEN:-}}}" ]; then
  profgate comment profgate-report/report.json || true
fi

exit "$code"
