#!/usr/bin/env bash
# The last step of action-selftest.yml: compares what the action's steps left with what they must leave.
set -euo pipefail
failed=0

expect() {
  if [ "$2" = "$3" ]; then
    echo "ok: $1 is '$2'"
  else
    echo "::error title=action selftest::$1 is '$2', expected '$3'"
    failed=1
  fi
}

expect 'exit code of the green run' "$GREEN_CODE" 0
expect 'verdict of the green run' "$GREEN_VERDICT" pass
expect 'outcome of the red step' "$RED_OUTCOME" failure
expect 'exit code of the red run' "$RED_CODE" 1
expect 'verdict of the red run' "$RED_VERDICT" fail
expect 'outcome of the step without a capture' "$MISSING_OUTCOME" failure
expect 'exit code of the run without a capture' "$MISSING_CODE" 5

expect 'the green report is there' "$([ -s "$GREEN_JSON" ] && echo yes || echo no)" yes
expect 'the red comment is there' "$([ -s "$RED_COMMENT" ] && echo yes || echo no)" yes
expect 'failures in the green JUnit file' "$(grep -c '<failure' "$GREEN_JUNIT" || true)" 0
expect 'the red JUnit file has failures' "$(grep -q '<failure' "$RED_JUNIT" && echo yes || echo no)" yes

exit "$failed"
