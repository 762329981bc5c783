# SPDX-License-Identifier: BSL-1.0
# What the pages show must have run: the lines of a block ```cpp stand in one of the examples, or in
# a program of tests/compile_fail/; those of a block ```output in one of the files of expected
# output. Indentation and empty lines don't matter; a line `...` stands for lines left out. A block
# that shows what not to write is ```cpp wrong.
#
# Reads the sources first, then the pages.

function words(line) {
    gsub(/^[ \t]+|[ \t\r]+$/, "", line)
    return line
}

# Whether the parts of the block stand in the text, one after the other.
function stands_in(text,    rest, i, at) {
    rest = text
    for (i = 1; i <= parts; ++i) {
        at = index(rest, part[i])
        if (at == 0) return 0
        rest = substr(rest, at + length(part[i]) - 1)
    }
    return 1
}

function check_block(    source) {
    for (source in shown)
        if (is_output == (source ~ /\.expected$/) && stands_in(shown[source])) return
    print FILENAME ":" first ": shows lines that stand in no " \
        (is_output ? "examples/*.expected" : "examples/*.cpp") \
        ". Copy them from there, or give the example that they are from."
}

FILENAME !~ /\.md$/ {
    line = words($0)
    if (!(FILENAME in shown)) shown[FILENAME] = "\n"
    if (line != "") shown[FILENAME] = shown[FILENAME] line "\n"
    next
}

FNR == 1 { inside = 0 }

inside && /^[ ]*```/ {
    check_block()
    inside = 0
    next
}

inside {
    line = words($0)
    if (line ~ /^(\/\/ )?\.\.\.$/)
        part[++parts] = "\n"
    else if (line != "")
        part[parts] = part[parts] line "\n"
    next
}

/^[ ]*```(cpp|output)[ ]*$/ {
    inside = 1
    is_output = /output/
    first = FNR
    for (i in part) delete part[i]
    part[parts = 1] = "\n"
}
