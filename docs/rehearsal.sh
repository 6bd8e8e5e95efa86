#!/usr/bin/env bash
# Runs the ```sh blocks of rehearsal.md in order in one shell, prints each line, and stops at the first command that fails.
# At the end it kills every process that the blocks started, also after a failure or an interrupt. After a failure
# ~/notifier-rehearsal stays, so that you can read the logs.
#
#     docs/rehearsal.sh               # or with another page as argument: the tests use one with other ports
set -euo pipefail
page=$(realpath "${1:-$(dirname "$0")/rehearsal.md}")
cd "$(dirname "$0")/.."

# The commands run in their own process group, so that the trap kills exactly what they have started.
set -m
bash -euvo pipefail <(sed -n '/^```sh$/,/^```$/ { /^```/d; p }' "$page") 2>&1 </dev/null &
commands=$!
trap 'kill -KILL -- -$commands 2>/dev/null || true' EXIT
wait $commands
