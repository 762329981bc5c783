# SPDX-License-Identifier: BSL-1.0
# Who may include whom: runtime <- channels <- actors <- cluster, and runtime <- io. A room's
# covey/detail/ is its own, src/ is never included from a public header.

BEGIN {
    below["runtime"] = " runtime "
    below["channels"] = " runtime channels "
    below["actors"] = " runtime channels actors "
    below["io"] = " runtime io "
    below["cluster"] = " runtime channels actors cluster "
    count = split(headers, paths, "\n")
    for (i = 1; i <= count; ++i) {
        slash = index(paths[i], "/")
        owner[substr(paths[i], slash + 1)] = substr(paths[i], 1, slash - 1)
    }
}

FNR == 1 {
    room = substr(FILENAME, 1, index(FILENAME, "/") - 1)
    is_public = FILENAME ~ /^[a-z]+\/covey\//
}

function tell(sentence) { print FILENAME ":" FNR ": " sentence }

!/^#[ ]*include[ ]*[<"]/ { next }

{
    quoted = /include[ ]*"/
    match($0, /[<"][^>"]*/)
    name = substr($0, RSTART + 1, RLENGTH - 1)
}

is_public && (quoted || name ~ /(^|\/)src\//) {
    tell("a public header includes \"" name "\", which is not shipped. Include <covey/...> only;" \
         " move what needs the rest to a .cpp in src/.")
    next
}

quoted && name ~ /\.\./ {
    tell("climbs out of its folder with \"" name "\". Include <covey/...>, or a file of this src/.")
    next
}

name ~ /^covey\// && !(name in owner) {
    tell("no room has <" name ">. Is the name right, and the header committed?")
    next
}

name ~ /^covey\// && index(below[room], " " owner[name] " ") == 0 {
    tell(room " includes <" name "> of " owner[name] ", which stands above it. Move what is shared" \
         " down, or let " owner[name] " pass it in.")
    next
}

name ~ /^covey\/detail\// && owner[name] != room {
    tell(room " reaches into covey/detail/ of " owner[name] ". If it needs that, it is a public" \
         " verb: ask for it in covey/lowlevel/.")
}
