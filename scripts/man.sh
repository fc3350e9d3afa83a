#!/bin/sh
# Manual pages of a built yolotune, from the text that its --help prints:
#
#   scripts/man.sh PROGRAM FOLDER     writes FOLDER/yolotune.1 and
#                                     FOLDER/yolotune-COMMAND.1, which
#                                     gzip packs where it is found
set -eu

[ $# -eq 2 ] || {
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "$0" >&2
    exit 2
}
program=$1
folder=$2
version=$("$program" version | sed 's/,.*//')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$folder"

# A help page has headings at the margin, text behind four blanks, and in some
# sections terms behind four and what they mean behind eight. What is laid out
# as it stands (commands, tables) keeps its lines.
to_roff() # name
{
    printf '.TH %s 1 "" "%s" "User Commands"\n' \
        "$(echo "$1" | tr '[:lower:]' '[:upper:]')" "$version"
    awk '
    function escape(line) {
        gsub(/\\/, "\\e", line)
        gsub(/-/, "\\-", line)
        if (line ~ /^[.\047]/)
            line = "\\&" line
        return line
    }
    function fill(wanted) { # whether lines are filled
        if (wanted == filled)
            return
        print wanted ? ".fi" : ".nf"
        filled = wanted
    }
    BEGIN { filled = 1 }
    /^[A-Z]/ {
        fill(1)
        section = $0
        print ".SH " $0
        blank = 0
        next
    }
    /^ *$/ { blank = 1; next }
    {
        depth = match($0, /[^ ]/) - 1
        text = escape(substr($0, depth + 1))
    }
    section ~ /^(OPTIONS|ENVIRONMENT|FILES)$/ && depth == 4 {
        print ".TP\n.B " text
        next
    }
    section ~ /^(OPTIONS|ENVIRONMENT|FILES)$/ {
        if (blank)
            print ".IP"
        print text
        blank = 0
        next
    }
    section ~ /^(SYNOPSIS|EXIT STATUS|EXAMPLES|COMMANDS)$/ || depth > 4 {
        fill(0)
        if (blank)
            print ""
        print escape(substr($0, 5))
        blank = 0
        next
    }
    {
        fill(1)
        if (blank)
            print ".PP"
        print text
        blank = 0
    }
    END { fill(1) }'
}

"$program" --help >"$work/help"
commands=$(sed -n 's/^  \([a-z]\{1,\}\) .*/\1/p' "$work/help")
{
    printf 'NAME\n    yolotune - get the most out of YOLOv5 on this CPU\n\n'
    printf 'SYNOPSIS\n'
    sed -n 's/^usage: /    /p; s/^       /    /p' "$work/help"
    printf '\nCOMMANDS\n'
    sed -n 's/^  \([a-z]\)/    \1/p' "$work/help"
    printf '\n    Each command has a page, yolotune-COMMAND(1).\n'
} | to_roff yolotune >"$folder/yolotune.1"
for command in $commands; do
    case $command in
    help | version) continue ;;
    esac
    "$program" help "$command" >"$work/page"
    sed "s/^    yolotune $command - /    yolotune-$command - /" "$work/page" |
        to_roff "yolotune-$command" >"$folder/yolotune-$command.1"
done
! command -v gzip >/dev/null || gzip -9nf "$folder"/*.1
