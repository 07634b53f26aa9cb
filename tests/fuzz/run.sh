#!/bin/bash
# run.sh MINUTES: builds the libFuzzer binary, runs every target, keeps inputs that reached new code.
#
# The minutes are wall-clock time, shared by all targets, two at a time. Crashes go to artifacts/ and fail the run;
# `FUZZ_TARGET=name BINARY artifacts/FILE` repeats one. TARGETS="a b" runs only these.
set -euo pipefail
cd "$(dirname "$0")"

minutes=${1:?minutes}
built=$(cargo build --locked --workspace --test libfuzzer --features deed-fuzz/libfuzzer \
    --message-format=json-render-diagnostics)
binary=$(sed -n 's/.*"executable":"\([^"]*\/libfuzzer-[^"]*\)".*/\1/p' <<<"$built")
all=$(sed -n 's/^    "\([a-z]*\)": .*;$/\1/p' src/lib.rs)
read -ra targets <<<"${TARGETS:-${all//$'\n'/ }}"
seconds=$((minutes * 120 / ${#targets[@]}))
((seconds >= 5)) || seconds=5

# Use memory if possible, because the targets that need a directory write many small files.
work=$(mktemp -d -p "$([[ -w /dev/shm ]] && echo /dev/shm || echo "${TMPDIR:-/tmp}")" deed-fuzz-XXXXXX)
trap 'rm -rf "$work"' EXIT
mkdir -p artifacts

# A corpus is a file with one input per line, in base64.
unpack() {
    local line n=0
    while read -r line; do
        base64 -d <<<"$line" >"$2/$((n += 1))"
    done <"$1"
}

one() {
    local name=$1 work=$2/$1 binary=$3 seconds=$4
    mkdir -p "$work"/{seeds,old,new,merged,tmp}
    touch "corpus/$name"
    unpack "corpus/$name" "$work/old"
    export FUZZ_TARGET=$name FUZZ_SEEDS=$work/seeds TMPDIR=$work/tmp
    local limits=(-max_len=4096 -timeout=20 -rss_limit_mb=2048 -artifact_prefix="artifacts/$name-")
    if ! "$binary" "${limits[@]}" -max_total_time="$seconds" -print_final_stats=1 \
        "$work/new" "$work/old" "$work/seeds" >"$work/log" 2>&1; then
        echo "fuzz: $name FAILED"
        tail -40 "$work/log"
        return 1
    fi
    local runs
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log")
    # Keep the smallest set of inputs that reaches the same code, limited to 100 inputs of all lengths and 64 KiB.
    "$binary" "${limits[@]}" -merge=1 "$work/merged" "$work/old" "$work/new" "$work/seeds" >"$work/merge" 2>&1 \
        || { echo "fuzz: $name cannot be merged"; tail -40 "$work/merge"; return 1; }
    local bytes=0 size file kept
    kept=$(find "$work/merged" -type f | wc -l)
    while read -r size file; do
        ((bytes += size)) || true
        ((bytes <= 65536)) || break
        base64 -w 0 "$file"
        echo
    done >"$work/packed" < <(find "$work/merged" -type f -printf '%s %p\n' | sort -n | awk -v step="$(((kept + 99) / 100))" 'NR % step == 0')
    sort -o "corpus/$name" "$work/packed"
    echo "fuzz: $name held, $runs runs in $seconds s, $(wc -l <"corpus/$name") inputs kept"
}
export -f one unpack

printf '%s\n' "${targets[@]}" \
    | xargs -P 2 -I NAME bash -euo pipefail -c 'one "$@"' one NAME "$work" "$binary" "$seconds"
