//! `wasi:clocks`: the clocks of the run.

use std::time::Duration;

use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::{self, Datetime};
use wasmtime_wasi::p2::{DynPollable, subscribe};

use crate::host_functions::Guest;
use crate::wasi::state::clock::{READING, Timer};

impl wall_clock::Host for Guest {
    fn now(&mut self) -> wasmtime::Result<Datetime> {
        let clock = &self.wasi().clock;
        let now = Duration::from_nanos(clock.start.saturating_add(clock.read()));
        Ok(Datetime { seconds: now.as_secs(), nanoseconds: now.subsec_nanos() })
    }

    fn resolution(&mut self) -> wasmtime::Result<Datetime> {
        Ok(Datetime { seconds: 0, nanoseconds: 1_000 })
    }
}

impl monotonic_clock::Host for Guest {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(self.wasi().clock.read())
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(READING)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let wasi = self.wasi();
        let timer = wasi.table.push(Timer { deadline: when, clock: wasi.clock.clone() })?;
        subscribe(&mut wasi.table, timer)
    }

    fn subscribe_duration(&mut self, length: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let now = self.wasi().clock.elapsed();
        monotonic_clock::Host::subscribe_instant(self, now.saturating_add(length))
    }
}
