//! `wasi:http`: requests of ordinary HTTP clients take the same way as those of `deed:adapter/http`.
//!
//! The authority of a URL is the short name of an upstream, and is never resolved. A request is sent when the guest
//! waits for its answer, and not before: the exchange is a part of that call, so that nothing happens beside the guest.

use hyper::http::Response as HttpResponse;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::p2::DynOutputStream;
use wasmtime_wasi::runtime::spawn;
use wasmtime_wasi_http::p2::bindings::http::types::{
    ErrorCode, HostOutgoingRequest as _, Method, RequestOptions, Scheme,
};
use wasmtime_wasi_http::p2::body::HostOutgoingBody;
use wasmtime_wasi_http::p2::types::{HostFutureIncomingResponse, HostOutgoingRequest};
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpView as _};

use crate::bindings::deed::adapter::http::{Error as Refusal, Host as _, Request};
use crate::host_functions::Guest;
use crate::limits;
use crate::wasi::state::Wasi;
use crate::wasi::state::body::BodyWriter;
use crate::wasi::state::handed::{Asked, Handed, response};

/// The parameters and the result of `handle`. The host has time limits of its own, so the options have no effect.
type Parameters = (Resource<HostOutgoingRequest>, Option<Resource<RequestOptions>>);
type Handled = Result<Resource<HostFutureIncomingResponse>, ErrorCode>;

/// Links `wasi:http/outgoing-handler`. Fails if it was linked before.
pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut instance = linker.instance("wasi:http/outgoing-handler@0.2.12")?;
    instance.func_wrap(
        "handle",
        |mut store: StoreContextMut<'_, Guest>, (request, options): Parameters| {
            let guest = store.data_mut();
            if let Some(options) = options {
                guest.wasi().table.delete(options)?;
            }
            Ok::<(Handled,), wasmtime::Error>((guest.hand_over(request)?,))
        },
    )
}

type Text = (Resource<HostOutgoingRequest>, Option<String>);
type Set = Result<(), ()>;

/// Replaces functions of `wasi:http/types` that would keep texts or bodies of any size, by functions with a bound. Fails
/// if there is no such interface.
pub(super) fn link_bounded(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance("wasi:http/types@0.2.12")?;
    types.func_wrap(
        "[method]outgoing-request.set-method",
        |mut store: StoreContextMut<'_, Guest>,
         (request, method): (Resource<HostOutgoingRequest>, Method)| {
            let fits = !matches!(&method, Method::Other(name) if name.len() > limits::WASI_NAME);
            let set =
                if fits { store.data_mut().http().set_method(request, method)? } else { Err(()) };
            Ok::<(Set,), wasmtime::Error>((set,))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-scheme",
        |mut store: StoreContextMut<'_, Guest>,
         (request, scheme): (Resource<HostOutgoingRequest>, Option<Scheme>)| {
            let fits =
                !matches!(&scheme, Some(Scheme::Other(name)) if name.len() > limits::WASI_NAME);
            let set =
                if fits { store.data_mut().http().set_scheme(request, scheme)? } else { Err(()) };
            Ok::<(Set,), wasmtime::Error>((set,))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-authority",
        |mut store: StoreContextMut<'_, Guest>, (request, text): Text| {
            let fits = has_at_most(text.as_ref(), limits::WASI_NAME);
            let set =
                if fits { store.data_mut().http().set_authority(request, text)? } else { Err(()) };
            Ok::<(Set,), wasmtime::Error>((set,))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-path-with-query",
        |mut store: StoreContextMut<'_, Guest>, (request, text): Text| {
            let fits = has_at_most(text.as_ref(), limits::WASI_PATH);
            let set = if fits {
                store.data_mut().http().set_path_with_query(request, text)?
            } else {
                Err(())
            };
            Ok::<(Set,), wasmtime::Error>((set,))
        },
    )?;
    types.func_wrap("[method]outgoing-body.write", open_body)?;
    linker.allow_shadowing(false);
    Ok(())
}

type Opened = Result<Resource<DynOutputStream>, ()>;

/// `[method]outgoing-body.write`. Fails if there is no such body.
fn open_body(
    mut store: StoreContextMut<'_, Guest>,
    (body,): (Resource<HostOutgoingBody>,),
) -> wasmtime::Result<(Opened,)> {
    let Wasi { table, bodies, .. } = store.data_mut().wasi();
    let Some(inner) = table.get_mut(&body)?.take_output_stream() else { return Ok((Err(()),)) };
    let stream: DynOutputStream = Box::new(BodyWriter::new(inner, bodies.clone()));
    Ok((Ok(table.push_child(stream, &body)?),))
}

fn has_at_most(text: Option<&String>, bytes: usize) -> bool {
    text.is_none_or(|text| text.len() <= bytes)
}

impl Guest {
    fn hand_over(&mut self, request: Resource<HostOutgoingRequest>) -> wasmtime::Result<Handled> {
        let wasi = self.wasi();
        // A guest that has dropped the place of an answer does not want the answer, and the request is not sent.
        let Wasi { handed, table, .. } = wasi;
        handed.retain(|one| one.is_awaited(table));
        let mut request = wasi.table.delete(request)?;
        let body = request.body.take();
        // The task never ends. It only stands for an answer until the guest waits for it.
        let pending = HostFutureIncomingResponse::Pending(spawn(std::future::pending()));
        let answer = wasi.table.push(pending)?;
        let ours = Resource::new_borrow(answer.rep());
        let request = Asked::of(&request);
        wasi.handed.push(Handed { answer: ours, request, body, bytes: Vec::new() });
        Ok(Ok(answer))
    }
}

impl Guest {
    /// Sends the requests that the guest handed over completely, in their order, and stores the answers. A request
    /// whose body the guest has not finished stays.
    pub(super) async fn exchange_handed(&mut self) -> wasmtime::Result<()> {
        let mut unfinished = Vec::new();
        for mut handed in std::mem::take(&mut self.wasi().handed) {
            if !handed.is_awaited(&self.wasi().table) {
                continue;
            }
            match handed.read_body() {
                Ok(false) => unfinished.push(handed),
                Ok(true) => {
                    let Handed { answer: place, request, bytes, .. } = handed;
                    let answer = self.exchange(request, bytes).await;
                    self.store(&place, answer);
                }
                Err(error) => self.store(&handed.answer, Err(error)),
            }
        }
        let handed = &mut self.wasi().handed;
        unfinished.append(handed);
        *handed = unfinished;
        Ok(())
    }

    async fn exchange(
        &mut self,
        asked: Asked,
        bytes: Vec<u8>,
    ) -> Result<HttpResponse<WasiBody>, Error> {
        let Asked { upstream, method, path, headers } = asked;
        let text = (!bytes.is_empty()).then(|| String::from_utf8(bytes));
        let body = text.transpose().map_err(|_| not_json())?;
        let request = Request { upstream, method, path, headers, body };
        let answer = self.send(request).await;
        answer.map_err(|refusal| self.told(refusal)).and_then(response)
    }

    /// Stores an answer where the guest looks for it. A guest that has dropped the place does not want the answer.
    fn store(
        &mut self,
        place: &Resource<HostFutureIncomingResponse>,
        answer: Result<HttpResponse<WasiBody>, Error>,
    ) {
        if let Ok(future) = self.wasi().table.get_mut(place) {
            let answer = answer.map(|response| (response, spawn(async {})));
            *future = HostFutureIncomingResponse::Ready(answer);
        }
    }

    /// The error code for the guest. The code has no room for the reason, so the reason is a line of the log.
    fn told(&mut self, refusal: Refusal) -> Error {
        let (code, why) = match refusal {
            Refusal::Denied(why) => (Error::HttpRequestDenied, why),
            Refusal::NotSent(why) => (Error::ConnectionRefused, why),
            Refusal::NoAnswer(why) => (Error::HttpResponseIncomplete, why),
            Refusal::TooLarge(limit) => (
                Error::HttpResponseBodySize(Some(limit)),
                format!("the answer is larger than {limit} bytes"),
            ),
        };
        self.note(crate::LogLevel::Warn, &why);
        code
    }
}

fn not_json() -> Error {
    Error::InternalError(Some("the body of the request is not UTF-8 and so no JSON".to_owned()))
}
