//! Waiting of a guest. Nothing runs beside the guest, so a call that waits does the awaited work itself: first the HTTP
//! exchanges that the guest handed over, then the passing of time. What is ready therefore depends on the guest alone.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tokio::task::unconstrained;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi_io::bindings::wasi::io::poll::{Host, HostPollable};

use crate::host_functions::Guest;

impl Host for Guest {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        if pollables.is_empty() {
            return Err(wasmtime::format_err!("the guest polls an empty list"));
        }
        loop {
            self.exchange_handed().await?;
            self.wasi().clock.forget_awaited();
            let ready = self.ready_now(&pollables)?;
            if !ready.is_empty() {
                return Ok(ready);
            }
            self.let_time_pass().await?;
        }
    }
}

impl HostPollable for Guest {
    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        Host::poll(self, vec![pollable]).await.map(drop)
    }

    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        self.exchange_handed().await?;
        self.wasi().clock.forget_awaited();
        Ok(!self.ready_now(&[pollable])?.is_empty())
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        HostPollable::drop(&mut self.wasi().table, pollable)
    }
}

impl Guest {
    /// The indices of what is ready, without waiting.
    fn ready_now(&mut self, pollables: &[Resource<DynPollable>]) -> wasmtime::Result<Vec<u32>> {
        let borrowed = pollables.iter().map(|one| Resource::new_borrow(one.rep())).collect();
        let table = &mut self.wasi().table;
        // Tokio's budget of a task must not decide what is ready.
        let poll = pin!(unconstrained(Host::poll(table, borrowed)));
        match poll.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(ready) => ready,
            Poll::Pending => Ok(Vec::new()),
        }
    }

    /// Advances the clock to the first time that the guest waits for. Fails if it waits for no time, because nothing
    /// else can become ready.
    async fn let_time_pass(&mut self) -> wasmtime::Result<()> {
        let wasi = self.wasi();
        let Some(pause) = wasi.clock.advance() else {
            return Err(wasmtime::format_err!(
                "the guest waits for something that never becomes ready, such as the answer to a request whose body it \
                 did not finish"
            ));
        };
        if wasi.waits {
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }
}
