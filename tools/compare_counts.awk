# SPDX-License-Identifier: BSL-1.0
# compare_counts.awk KEPT MEASURED: a table of what was kept and what is measured now; fails when an
# operation takes over 5 % more instructions or any more allocations, or is in one file only.
# Lines of both files: OPERATION INSTRUCTIONS ALLOCATIONS, each per operation.
# -v junit=FILE: the same for machines. -v update=1: refuses nothing.

BEGIN {
    most_growth = 5
    printf "%-16s %28s   %16s\n", "", "instructions per operation", "allocations"
    printf "%-16s %9s %9s %8s   %8s %7s\n", "operation", "kept", "now", "growth", "kept", "now"
}
/^#/ || NF == 0 { next }
FILENAME == ARGV[1] {
    instructions[$1] = $2
    allocations[$1] = $3
    next
}
!($1 in instructions) {
    row($1, "-", $2, "", "-", $3, "has no kept count")
    next
}
{
    growth = 100 * ($2 / instructions[$1] - 1)
    complaint = ""
    if (growth > most_growth + 0.001) complaint = "takes more instructions"
    if ($3 > allocations[$1]) complaint = complaint (complaint ? ", and " : "") "allocates more"
    if (growth < -most_growth || $3 < allocations[$1]) ++shrunk
    row($1, instructions[$1], $2, sprintf("%+.1f %%", growth), allocations[$1], $3, complaint)
    delete instructions[$1]
}
END {
    for (name in instructions)
        row(name, instructions[name], "-", "", allocations[name], "-", "is not measured any more")
    write_junit()
    if (update) exit 0
    if (refused) {
        print "counts: " refused " of " rows " refused. Instructions may grow by " most_growth \
            " %, allocations not at all: find out why they do."
        print "What is meant to stay is kept by tools/counts.sh --update."
        exit 1
    }
    print "counts: none of " rows " grew"
    if (shrunk) print "counts: " shrunk " became less: keep that by tools/counts.sh --update"
}

function row(name, old, now, growth, old_allocations, now_allocations, complaint) {
    ++rows
    if (update) complaint = ""
    if (complaint) ++refused
    printf "%-16s %9s %9s %8s   %8s %7s%s\n", name, old, now, growth, old_allocations, \
        now_allocations, complaint ? "   " complaint : ""
    cases = cases "  <testcase name=\"" name "\" classname=\"counts\">" \
        (complaint ? "<failure message=\"" complaint "\"/>" : "") "</testcase>\n"
}

function write_junit() {
    if (!junit) return
    printf "<testsuite name=\"counts\" tests=\"%d\" failures=\"%d\">\n%s</testsuite>\n", rows, \
        refused, cases >junit
    close(junit)
}
