#!/usr/bin/env bash
# Installs what the tests need and this machine lacks, builds once, runs every test but the long faults, and ends with the line
# "N passed, N failed".
#   ./test.sh --filter FullyQualifiedName~PlainText       some of them (what is not known here goes to dotnet test)
#   ./test.sh --faults [--repeat N] [--seed S] [--minutes M]   the fault suite, with the long ones: see docs/reliability.md
# shellcheck disable=SC2013,SC2046,SC2086 # what is unquoted are names of packages and numbers, to be split into words
set -euo pipefail
cd "$(dirname "$0")"

# What takes minutes (a Redis that hangs for one, everything at once) is marked Faults=long.
filter="" faults="" rest=()
while [ $# -gt 0 ]; do
    case "$1" in
        --faults) faults=yes ;;
        --filter) filter=${2:?--filter needs an expression of dotnet test}; shift ;;
        --repeat) export NOTIFIER_FAULTS_REPEAT=${2:?--repeat needs a number}; shift ;;
        --minutes) export NOTIFIER_FAULTS_MINUTES=${2:?--minutes needs a number}; shift ;;
        --seed) export NOTIFIER_FAULTS_SEED=${2:?--seed needs a number}; shift ;;
        *) rest+=("$1") ;;
    esac
    shift
done
chosen="Faults!=long"
settings=()
if [ -n "$faults" ]; then
    chosen="FullyQualifiedName~Notifier.Tests.Faults"
    # One after the other: times are the fault's own then, and so is what happens to the memory.
    export NOTIFIER_FAULTS_ALONE=yes
    settings=(-- xUnit.ParallelizeTestCollections=false)
fi
if [ -n "$filter" ]; then chosen="($filter)&($chosen)"; fi

# The names are those that the tests look for. Each is tried: Ubuntu's chromium-browser may only say that a snap is missing.
has_browser() {
    local name
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        if command -v "$name" && "$name" --version; then return 0; fi
    done
    return 1
} >/dev/null 2>&1

missing() {
    if ! command -v redis-server >/dev/null; then echo redis-server; fi
    if ! has_browser; then echo chromium; fi
    for proxy in nginx haproxy; do      # in /usr/sbin, which is not on the PATH of everybody
        if ! PATH="$PATH:/usr/sbin" command -v $proxy >/dev/null; then echo $proxy; fi
    done
}

give_up() {
    echo "The tests need on the PATH:" $(missing) >&2
    echo "$1 Google Chrome (https://www.google.com/chrome/) will do for chromium." >&2
    exit 1
}

install() {
    local packages=("$@") as_root=() policy=/usr/sbin/policy-rc.d
    if ! command -v apt-get >/dev/null; then
        give_up "This script can only install them on Debian and Ubuntu. Please do, then start it again."
    fi
    if [ "$(id -u)" != 0 ]; then
        if ! command -v sudo >/dev/null; then give_up "Please install them as root, then start this script again."; fi
        as_root=(sudo)
    fi

    echo "Installing ${packages[*]}"
    "${as_root[@]}" apt-get update -qq
    if [[ "$(LC_ALL=C apt-cache policy chromium)" != *'Candidate: '[0-9]* ]]; then
        packages=("${packages[@]/%chromium/chromium-browser}")     # Ubuntu's name for it
    fi
    (
        # A package's service starts at once unless this file forbids it, and nobody asked for a Redis at port 6379,
        # nor for a web server at port 80.
        if [ ! -e "$policy" ]; then
            trap '"${as_root[@]}" rm -f "$policy"' EXIT
            printf '#!/bin/sh\ncase "$*" in *redis*|*nginx*|*haproxy*) exit 101 ;; esac\n' | "${as_root[@]}" tee "$policy" >/dev/null
            "${as_root[@]}" chmod +x "$policy"
        fi
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}"
    )
    local service
    for service in redis-server nginx haproxy; do
        if [[ " ${packages[*]} " == *" $service "* && -d /run/systemd/system ]]; then
            "${as_root[@]}" systemctl disable --quiet $service      # nor when the machine starts the next time
        fi
    done
    if [ -n "$(missing)" ]; then give_up "apt-get did not bring them (Ubuntu's chromium is a snap, which containers cannot run)."; fi
}

lacking=$(missing)
if [ -n "$lacking" ]; then install $lacking; fi

dotnet build -c Release

results=TestResults
rm -rf "$results"
mkdir "$results"
export NOTIFIER_FAULTS_ROWS="$PWD/$results/faults.tsv"
status=0
dotnet test --no-build -c Release --logger "console;verbosity=normal" --logger trx --results-directory "$results" --filter "$chosen" "${rest[@]}" "${settings[@]}" \
    || status=$?

# The sum of one of the results' counters.
count() {
    local sum=0 number
    for number in $(sed -n "s/.*<Counters.*$1=\"\([0-9]*\)\".*/\1/p" "$results"/*.trx 2>/dev/null); do
        sum=$((sum + number))
    done
    echo "$sum"
}
passed=$(count ' passed') failed=$(count ' failed')
skipped=$(($(count ' total') - $(count ' executed')))

# Each test that failed, what it says and where it stood: the last thing printed, as only the end of a long log may be kept.
tell_failed() {
    awk '
        /<UnitTestResult / { failed = /outcome="Failed"/; said = 0 }
        failed && /<UnitTestResult / { sub(/.*testName="/, ""); sub(/" computerName=.*/, ""); print "\nFailed: " $0 }
        failed && /<(Message|StackTrace)>/ { tells = 1 }
        failed && tells && ++said <= 40 { line = $0; gsub(/^ *<(Message|StackTrace)>|<\/(Message|StackTrace)>.*/, "", line); print "    " line }
        /<\/(Message|StackTrace)>/ { tells = 0 }' "$results"/*.trx |
        sed 's/&#xD;//g; s/&lt;/</g; s/&gt;/>/g; s/&quot;/"/g; s/&amp;/\&/g'
}
if [ "$failed" != 0 ]; then tell_failed; fi

echo
if [ "$status" != 0 ] && [ "$failed" = 0 ]; then
    echo "dotnet test ended with status $status though no test says that it failed; that counts as one that did."
    failed=1
fi
if [ -z "$faults" ]; then
    echo "Left out: the long faults, which take about 40 minutes. To run the whole fault suite: ./test.sh --faults"
elif [ -e "$NOTIFIER_FAULTS_ROWS" ]; then
    echo "What was counted is in $results/faults.tsv; Notifier.Web.Tests/Faults/table.sh puts it into docs/reliability.md."
fi
line="$passed passed, $failed failed"
if [ "$skipped" != 0 ]; then line+=", $skipped skipped"; fi
echo "$line"
# A test that was skipped has shown nothing, and neither has a run of no tests.
[ "$failed" = 0 ] && [ "$skipped" = 0 ] && [ "$passed" != 0 ]
