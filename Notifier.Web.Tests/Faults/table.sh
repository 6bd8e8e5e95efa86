#!/usr/bin/env bash
# Puts the rows of a run of the fault suite into the tables of docs/reliability.md: the latest row of each fault, in the order of the tables. New
# faults come last.
set -euo pipefail
rows=${1:-$(dirname "$0")/../../TestResults/faults.tsv}
page=${2:-$(dirname "$0")/../../docs/reliability.md}

awk -F '\t' '
    # The rows that the table does not have yet.
    function rest(chapter, n) {
        for (n = 1; n <= count; n++)
            if (index(order[n], chapter "\t") == 1 && !(order[n] in done)) { print latest[order[n]]; done[order[n]] = 1 }
    }
    function fault(row, cells) { split(row, cells, " [|] "); return cells[1] }
    FNR == NR {
        name = $1 "\t" fault($2)
        if (!(name in latest)) order[++count] = name
        latest[name] = $2
        next
    }
    /^## / { chapter = substr($0, 4) }
    chapter && /^[|]/ { inTable = 1 }
    inTable && /^[|] / {
        name = chapter "\t" fault($0)
        if (name in latest) { print latest[name]; done[name] = 1; next }
    }
    inTable && !/^[|]/ { rest(chapter); inTable = 0 }
    { print }
    END { if (inTable) rest(chapter) }
' "$rows" "$page" > "$page.new"
mv "$page.new" "$page"
