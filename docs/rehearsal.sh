#!/usr/bin/env bash
# Does what rehearsal.md says: runs its ```sh blocks in their order in one shell, prints each line, and stops at the first that fails.
# What it has started is ended at the end, also when it fails or is interrupted. Then ~/notifier-rehearsal is left, to look at the logs.
#
#     docs/rehearsal.sh               # or of another page: the tests have one with other ports
set -euo pipefail
page=$(realpath "${1:-$(dirname "$0")/rehearsal.md}")
cd "$(dirname "$0")/.."

# A process group of its own, by which everything that the commands start can be ended, and nothing else.
set -m
bash -euvo pipefail <(sed -n '/^```sh$/,/^```$/ { /^```/d; p }' "$page") 2>&1 </dev/null &
commands=$!
trap 'kill -KILL -- -$commands 2>/dev/null || true' EXIT
wait $commands
