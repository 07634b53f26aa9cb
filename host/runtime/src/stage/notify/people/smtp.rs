//! Submits one message to a relay: SMTP (RFC 5321) with STARTTLS (RFC 3207) or TLS from the beginning (RFC 8314), and
//! AUTH PLAIN (RFC 4954).
//!
//! Each message has a connection of its own. The time for the whole exchange and the length of replies are limited. An
//! error has the code of a reply, but not its text, which may contain the address of the receiver.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use zeroize::Zeroizing;

use crate::config::raw::SmtpTls;
use crate::config::{Address, MailLogin, Relay};

/// The time limit of one exchange.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The longest line of a reply in bytes, and the largest number of its lines.
const LINE_MAX: u64 = 2_048;
const LINES_MAX: usize = 64;

/// Why a message was not accepted.
#[derive(Debug)]
pub(super) struct Failure {
    /// The step at which the exchange ended.
    step: &'static str,
    why: Why,
}

#[derive(Debug)]
enum Why {
    /// The relay answered with this code.
    Code(u16),
    Io(io::Error),
    Other(&'static str),
}

impl Failure {
    /// Whether the relay said that it will not accept the message later either.
    pub(super) fn is_final(&self) -> bool {
        matches!(self.why, Why::Code(500..=599))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = self.step;
        match &self.why {
            Why::Code(code) => write!(f, "{step}: the relay answered {code}"),
            Why::Io(error) => write!(f, "{step}: {error}"),
            Why::Other(what) => write!(f, "{step}: {what}"),
        }
    }
}

/// Submits a message whose lines end with CRLF.
pub(super) async fn send(relay: &Relay, to: &Address, message: &str) -> Result<(), Failure> {
    let late = |_elapsed| Failure { step: "exchange", why: Why::Other("it took more than 30 s") };
    tokio::time::timeout(TIMEOUT, exchange(relay, to, message)).await.map_err(late)?
}

async fn exchange(relay: &Relay, to: &Address, message: &str) -> Result<(), Failure> {
    let stream = TcpStream::connect((relay.host.as_str(), relay.port)).await;
    let stream = stream.map_err(|error| Failure { step: "connect", why: Why::Io(error) })?;
    match relay.tls {
        SmtpTls::None => {
            let mut wire = Wire::new(stream);
            wire.expect("greeting", 2).await?;
            wire.submit(relay, to, message).await
        }
        SmtpTls::Implicit => {
            let mut wire = Wire::new(secured(relay, stream).await?);
            wire.expect("greeting", 2).await?;
            wire.submit(relay, to, message).await
        }
        SmtpTls::Starttls => {
            let mut wire = Wire::new(stream);
            wire.expect("greeting", 2).await?;
            let mut wire = Wire::new(secured(relay, wire.start_tls(relay).await?).await?);
            wire.submit(relay, to, message).await
        }
    }
}

async fn secured(relay: &Relay, stream: TcpStream) -> Result<TlsStream<TcpStream>, Failure> {
    let connector = TlsConnector::from(Arc::clone(&relay.config));
    let connected = connector.connect(relay.name.clone(), stream).await;
    connected.map_err(|error| Failure { step: "TLS", why: Why::Io(error) })
}

/// A connection to a relay.
struct Wire<S> {
    stream: BufReader<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    fn new(stream: S) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    /// Asks for TLS, and returns the connection on which it begins. Bytes that arrived before TLS count for nothing, so
    /// they end the exchange.
    async fn start_tls(mut self, relay: &Relay) -> Result<S, Failure> {
        let step = "STARTTLS";
        let offers = self.hello(relay).await?;
        if !offers.iter().any(|offer| offer == "STARTTLS") {
            return Err(Failure { step, why: Why::Other("the relay does not offer it") });
        }
        self.command(step, "STARTTLS", 2).await?;
        if !self.stream.buffer().is_empty() {
            return Err(Failure { step, why: Why::Other("the relay sent bytes before TLS") });
        }
        Ok(self.stream.into_inner())
    }

    async fn submit(&mut self, relay: &Relay, to: &Address, message: &str) -> Result<(), Failure> {
        let offers = self.hello(relay).await?;
        if let Some(login) = &relay.login {
            self.log_in(login, &offers).await?;
        }
        let sender = format!("MAIL FROM:<{}>", relay.from.as_str());
        self.command("MAIL", &sender, 2).await?;
        self.command("RCPT", &format!("RCPT TO:<{}>", to.as_str()), 2).await?;
        self.command("DATA", "DATA", 3).await?;
        self.write("message", dotted(message).as_bytes()).await?;
        self.expect("message", 2).await?;
        // The relay has taken the message, so nothing that follows matters.
        self.write("QUIT", b"QUIT\r\n").await.ok();
        Ok(())
    }

    /// Introduces the host, and returns what the relay offers, in upper case.
    async fn hello(&mut self, relay: &Relay) -> Result<Vec<String>, Failure> {
        self.command("EHLO", &format!("EHLO {}", relay.from.domain()), 2).await
    }

    async fn log_in(&mut self, login: &MailLogin, offers: &[String]) -> Result<(), Failure> {
        let step = "AUTH";
        let is_plain = |offer: &String| {
            let mut words = offer.split_ascii_whitespace();
            words.next() == Some(step) && words.any(|word| word == "PLAIN")
        };
        if !offers.iter().any(is_plain) {
            return Err(Failure { step, why: Why::Other("the relay does not offer AUTH PLAIN") });
        }
        let secret = login.secret.current().await;
        let plain = Zeroizing::new(format!("\0{}\0{}", login.user, secret.reveal()));
        let plain = Zeroizing::new(BASE64.encode(plain.as_bytes()));
        let line = Zeroizing::new(format!("AUTH PLAIN {}", plain.as_str()));
        self.command(step, &line, 2).await.map(drop)
    }

    /// Sends a line, and returns the lines of the reply if its code begins with this digit.
    async fn command(
        &mut self,
        step: &'static str,
        line: &str,
        digit: u16,
    ) -> Result<Vec<String>, Failure> {
        let whole = Zeroizing::new(format!("{line}\r\n"));
        self.write(step, whole.as_bytes()).await?;
        self.expect(step, digit).await
    }

    async fn write(&mut self, step: &'static str, bytes: &[u8]) -> Result<(), Failure> {
        let failed = |error| Failure { step, why: Why::Io(error) };
        self.stream.write_all(bytes).await.map_err(failed)?;
        self.stream.flush().await.map_err(failed)
    }

    /// Reads a reply. Returns its lines in upper case, without the code, if the code begins with this digit.
    async fn expect(&mut self, step: &'static str, digit: u16) -> Result<Vec<String>, Failure> {
        let mut lines = Vec::new();
        for _ in 0..LINES_MAX {
            let line = self.line(step).await?;
            let code = line.get(..3).and_then(|code| code.parse::<u16>().ok());
            let Some(code) = code else {
                return Err(Failure { step, why: Why::Other("the relay did not answer in SMTP") });
            };
            lines.push(line.get(4..).unwrap_or_default().to_ascii_uppercase());
            if line.as_bytes().get(3) == Some(&b'-') {
                continue;
            }
            if code / 100 == digit {
                return Ok(lines);
            }
            return Err(Failure { step, why: Why::Code(code) });
        }
        Err(Failure { step, why: Why::Other("the reply of the relay has too many lines") })
    }

    /// Reads a line, without its end.
    async fn line(&mut self, step: &'static str) -> Result<String, Failure> {
        let mut line = Vec::new();
        let mut limited = (&mut self.stream).take(LINE_MAX);
        let read = limited.read_until(b'\n', &mut line).await;
        read.map_err(|error| Failure { step, why: Why::Io(error) })?;
        if line.last() != Some(&b'\n') {
            let what = "the relay ended the connection, or its line is too long";
            return Err(Failure { step, why: Why::Other(what) });
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }
}

/// The message with its end (RFC 5321 section 4.5.2): a line that begins with a dot gets another one.
fn dotted(message: &str) -> String {
    let first = if message.starts_with('.') { "." } else { "" };
    format!("{first}{}.\r\n", message.replace("\r\n.", "\r\n.."))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(sent: &'static [u8], digit: u16) -> Result<Vec<String>, Failure> {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        theirs.write_all(sent).await.unwrap();
        drop(theirs);
        Wire::new(ours).expect("EHLO", digit).await
    }

    #[test]
    fn a_line_with_a_dot_does_not_end_the_message() {
        assert_eq!(dotted("a\r\n.\r\n.b\r\n"), "a\r\n..\r\n..b\r\n.\r\n");
        assert_eq!(dotted(".\r\n"), "..\r\n.\r\n");
    }

    #[tokio::test]
    async fn a_reply_may_have_several_lines() {
        let offers = read(b"250-mail.example.com\r\n250-starttls\r\n250 AUTH plain\r\n", 2).await;
        assert_eq!(offers.unwrap(), ["MAIL.EXAMPLE.COM", "STARTTLS", "AUTH PLAIN"]);
    }

    #[tokio::test]
    async fn a_refusal_is_final_only_if_the_relay_says_so() {
        let refused = read(b"550 5.1.1 <bob@example.com> is unknown\r\n", 2).await.unwrap_err();
        assert!(refused.is_final());
        assert_eq!(refused.to_string(), "EHLO: the relay answered 550");
        assert!(!read(b"451 later\r\n", 2).await.unwrap_err().is_final());
    }

    #[tokio::test]
    async fn a_reply_is_bounded() {
        const LONG: &[u8] = &[b'2'; 5_000];
        for sent in [LONG, b"HTTP/1.1 400 Bad Request\r\n", b"250 cut", b""] {
            let why = read(sent, 2).await.unwrap_err();
            assert!(!why.is_final(), "{why}");
        }
        let many: &'static [u8] = Box::leak(b"250-x\r\n".repeat(100).into_boxed_slice());
        assert!(read(many, 2).await.unwrap_err().to_string().contains("too many lines"));
    }
}
