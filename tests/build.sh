#!/usr/bin/env bash
# Runs `cargo build` with these arguments and shows its progress: one line on a terminal, otherwise a line every 30
# seconds. Warnings and errors of the compiler are shown as usual, and the exit code is cargo's.
set -euo pipefail

packages=()
for argument in "$@"; do
    [[ "$argument" == --package=* ]] && packages+=("$argument")
done
# The number of crates of these packages. The count is approximate, because a crate may be built in two variants.
total=$(cargo tree --locked --prefix none --edges normal,build --format '{p}' "${packages[@]}" | sed 's, (.*,,' | sort -u | wc -l)

show() {
    local text="building the host: $1 of about $total crates, $SECONDS s"
    if [[ -t 2 ]]; then printf '\r\033[K%s' "$text" >&2; else echo "$text" >&2; fi
}

# Reads cargo's messages, one JSON object on each line. Shows progress even while a crate takes long.
count() {
    local crates=0 next=5 line whole="" status
    while true; do
        status=0
        IFS= read -r -t 1 line || status=$?
        whole+=$line
        if ((status == 0)); then
            if [[ "$whole" == *'"reason":"compiler-artifact"'* && "$whole" != *'"kind":["custom-build"]'* ]]; then
                crates=$((crates + 1))
            fi
            whole=""
        elif ((status <= 128)); then
            break # end of cargo's output; a status above 128 means that one second has passed
        fi
        if ((SECONDS >= next)); then
            show "$crates"
            if [[ -t 2 ]]; then next=$((SECONDS + 1)); else next=$((SECONDS + 30)); fi
        fi
    done
    if [[ -t 2 ]] && ((next > 5)); then printf '\r\033[K' >&2; fi
}

cargo build --quiet --locked --message-format=json-render-diagnostics "$@" | count
