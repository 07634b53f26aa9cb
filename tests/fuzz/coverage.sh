#!/bin/sh
# RUSTC_WORKSPACE_WRAPPER of `make fuzz`: only crates that a target runs are instrumented for libFuzzer.
case " $* " in
*" --crate-name deed_spec "* | *" --crate-name deed_record "* | *" --crate-name deed_verify "* | *" --crate-name deed_system "* | *" --crate-name deed_host "* | *" --crate-name deed_fuzz "*)
    exec "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
        -Cllvm-args=-sanitizer-coverage-trace-compares ;;
*) exec "$@" ;;
esac
