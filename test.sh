#!/usr/bin/env bash
# Installs what the tests need and this machine lacks (test-setup.sh), builds once, runs every test but the long faults, and ends with the
# slowest tests, those that failed, and the line "N passed, N failed".
#   ./test.sh --filter FullyQualifiedName~PlainText       some of them (what is not known here goes to dotnet test)
#   ./test.sh --aot                                       the tests that start processes, with a Native AOT build; also with --faults
#   ./test.sh --faults [--repeat N] [--seed S] [--minutes M]   the fault suite, with the long ones: see docs/reliability.md
# shellcheck disable=SC2013 # what is unquoted are numbers, to be split into words
set -euo pipefail
cd "$(dirname "$0")"

# What takes minutes (a Redis that hangs for one, everything at once) is marked Faults=long.
filter="" faults="" aot="" rest=()
while [ $# -gt 0 ]; do
    case "$1" in
        --faults) faults=yes ;;
        --aot) aot=yes ;;
        --filter) filter=${2:?--filter needs an expression of dotnet test}; shift ;;
        --repeat) export NOTIFIER_FAULTS_REPEAT=${2:?--repeat needs a number}; shift ;;
        --minutes) export NOTIFIER_FAULTS_MINUTES=${2:?--minutes needs a number}; shift ;;
        --seed) export NOTIFIER_FAULTS_SEED=${2:?--seed needs a number}; shift ;;
        *) rest+=("$1") ;;
    esac
    shift
done
chosen="Faults!=long"
processes="FullyQualifiedName~Notifier.Tests.Abuse|FullyQualifiedName~Notifier.Tests.Deployment|FullyQualifiedName~Notifier.Tests.Faults"
processes+="|FullyQualifiedName~Notifier.Tests.Growth|FullyQualifiedName~Notifier.Tests.Operations"
if [ -n "$aot" ]; then chosen="($processes)&Redis!=embedded&Faults!=long"; fi
if [ -n "$faults" ]; then
    chosen="FullyQualifiedName~Notifier.Tests.Faults${aot:+&Redis!=embedded}"
    # One after the other: times are the fault's own then, and so is what happens to the memory.
    export NOTIFIER_FAULTS_ALONE=yes
fi
if [ -n "$filter" ]; then chosen="($filter)&($chosen)"; fi

./test-setup.sh ${aot:+gcc zlib1g-dev}

# Analyzers take half of the time of a build. They run in every other build, and in CI before this script.
dotnet build -c Release -p:RunAnalyzers=false
if [ -n "$aot" ]; then
    # In a folder of its own, because its packages differ.
    dotnet publish Notifier.Web -c Release -r linux-x64 -p:EmbeddedRedis=false -p:PublishAot=true -p:RunAnalyzers=false \
        --artifacts-path Notifier.Web/obj/aot -o Notifier.Web/obj/aot/out
    export NOTIFIER_BUILD="$PWD/Notifier.Web/obj/aot/out/Notifier.Web"
fi
built=$SECONDS

results=TestResults
rm -rf "$results"
mkdir "$results"
export NOTIFIER_FAULTS_ROWS="$PWD/$results/faults.tsv" NOTIFIER_ABUSE_ROWS="$PWD/$results/abuse.tsv"
status=0
dotnet test --no-build -c Release --logger "console;verbosity=normal" --logger trx --results-directory "$results" --filter "$chosen" "${rest[@]}" \
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

# What the next change could make faster: most of them wait.
tell_slowest() {
    echo
    echo "The slowest tests, in seconds:"
    { sed -n 's/.*<UnitTestResult .*testName="\(.*\)" computerName=.* duration="\([0-9]*\):\([0-9]*\):\([0-9.]*\)".*/\2 \3 \4 \1/p' "$results"/*.trx 2>/dev/null || true; } |
        awk '{ seconds = $1 * 3600 + $2 * 60 + $3; sub(/^[^ ]* [^ ]* [^ ]* (Notifier\.Tests\.)?/, ""); printf "%7.1f  %s\n", seconds, $0 }' |
        sort -rn | sed -n 1,15p | sed 's/&quot;/"/g; s/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g'
    echo "Built within $built s, tested within $((SECONDS - built)) s."
}
tell_slowest

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
