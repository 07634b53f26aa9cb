//! Makes a request fail, with or without its effect, in one of the ways in which exchanges fail. The module `order`
//! decides which requests fail.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::{Shared, lock};
use crate::hostile::answer;
use crate::proxy::Recorded;
use crate::proxy::wire::PATIENCE;
use crate::services::Result;

/// The pause between two bytes of a slow answer. The pause is so long that no answer is complete within a deadline of
/// the tests.
const DRIP: Duration = Duration::from_millis(100);

/// A fault of one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    pub lands: Lands,
    pub how: How,
}

/// Whether the request takes effect in spite of the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lands {
    Never,
    /// The request takes effect before the caller sees the fault.
    Before,
    /// The request takes effect this long after its arrival, even if the caller has disconnected by then.
    After(Duration),
}

/// What the caller observes of the failed exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The connection is reset (TCP RST) instead of an answer.
    Reset,
    /// The connection is closed without an answer.
    Close,
    /// No answer is sent until the caller gives up.
    Silence,
    /// This status.
    Status(u16),
    /// The answer is 503 with this `Retry-After` in seconds.
    Busy(u32),
    /// The answer is 429 with this `Retry-After` in seconds.
    Limited(u32),
    /// Half of the answer's body is sent, then the connection is closed.
    Truncated,
    /// The complete answer is sent with a content length that is too large.
    WrongLength,
    /// The answer is sent byte by byte.
    Drip,
    /// The answer consists of bytes that are not HTTP.
    Garbage,
}

impl How {
    /// Every way in which an exchange can fail, for tests over all of them.
    pub const ALL: [Self; 11] = [
        Self::Reset,
        Self::Close,
        Self::Silence,
        Self::Status(409),
        Self::Status(500),
        Self::Busy(1),
        Self::Limited(1),
        Self::Truncated,
        Self::WrongLength,
        Self::Drip,
        Self::Garbage,
    ];
}

pub(super) fn play(
    stream: TcpStream,
    fault: &Fault,
    request: &Recorded,
    shared: &Arc<Shared>,
) -> Result<()> {
    let answer = match fault.lands {
        Lands::Before => lock(&shared.store).take(request),
        Lands::Never => untaken(request, shared),
        Lands::After(pause) => {
            let (late, there) = (request.clone(), Arc::clone(shared));
            thread::spawn(move || {
                thread::sleep(pause);
                lock(&there.store).take(&late);
            });
            untaken(request, shared)
        }
    };
    show(stream, fault.how, &answer)
}

/// The answer to a request that takes no effect. A read gets its real answer, because a read has no effect.
fn untaken(request: &Recorded, shared: &Shared) -> Vec<u8> {
    if request.method == "GET" {
        return lock(&shared.store).take(request);
    }
    answer("201 Created\r\ncontent-type: application/json", r#"{"number":1}"#)
}

/// Sends this answer to the caller, changed or damaged by the fault.
pub(crate) fn show(mut stream: TcpStream, how: How, whole: &[u8]) -> Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    match how {
        How::Reset => {
            tokio::net::TcpSocket::from_std_stream(stream).set_zero_linger()?;
            return Ok(());
        }
        How::Close => {}
        How::Silence => {
            hold(&mut stream);
            return Ok(());
        }
        How::Status(status) => stream.write_all(&bare(&format!("{status} Fault")))?,
        How::Busy(seconds) => {
            stream.write_all(&bare(&format!("503 Busy\r\nretry-after: {seconds}")))?;
        }
        How::Limited(seconds) => {
            stream.write_all(&bare(&format!("429 Limited\r\nretry-after: {seconds}")))?;
        }
        How::Truncated => stream.write_all(whole.get(..whole.len() - 5).unwrap_or_default())?,
        How::WrongLength => {
            let text =
                String::from_utf8_lossy(whole).replace("content-length: ", "content-length: 9");
            stream.write_all(text.as_bytes())?;
        }
        How::Drip => {
            for byte in whole {
                stream.write_all(&[*byte])?;
                thread::sleep(DRIP);
            }
        }
        How::Garbage => stream.write_all(b"\x16\x03\x01 this is no HTTP\r\n\r\n")?,
    }
    stream.shutdown(Shutdown::Write)?;
    // The connection stays open until the caller has read the answer, because closing it with unread bytes would be a
    // reset.
    hold(&mut stream);
    Ok(())
}

/// Waits until the peer disconnects.
fn hold(stream: &mut TcpStream) {
    let mut rest = [0; 64];
    while stream.read(&mut rest).is_ok_and(|count| count > 0) {}
}

fn bare(head: &str) -> Vec<u8> {
    answer(&format!("{head}\r\ncontent-type: application/json\r\nconnection: close"), "{}")
}
