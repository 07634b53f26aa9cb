//! libFuzzer's entry point: the target that `FUZZ_TARGET` names, and nothing else.
#![no_main]

libfuzzer_sys::fuzz_target!(init: deed_fuzz::sow(), |data: &[u8]| (deed_fuzz::chosen().run)(data));
