//! libFuzzer's entry point: runs only the target that `FUZZ_TARGET` names.
#![no_main]

libfuzzer_sys::fuzz_target!(init: deed_fuzz::sow(), |data: &[u8]| (deed_fuzz::chosen().run)(data));
