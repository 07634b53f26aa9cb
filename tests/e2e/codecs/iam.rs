//! A small fake of an API that takes form-encoded requests and answers in XML. The API has one user and two calls, and
//! its answers have the structure of AWS IAM answers.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// The state of the upstream, and the requests that it received.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) user: String,
    pub(super) path: String,
    /// Bodies of the writes, as received.
    pub(super) writes: Vec<String>,
    /// Content types of the writes.
    pub(super) kinds: Vec<String>,
    /// Text before the root element of every answer.
    pub(super) prologue: &'static str,
}

/// The server, which runs until the process exits.
#[derive(Debug)]
pub(super) struct Iam {
    pub(super) address: SocketAddr,
    pub(super) account: Arc<Mutex<Account>>,
}

impl Iam {
    pub(super) fn start(user: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let account = Account { user: user.into(), path: "/staff/".into(), ..Account::default() };
        let account = Arc::new(Mutex::new(account));
        let shared = Arc::clone(&account);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || serve(stream.unwrap(), &shared));
            }
        });
        Self { address, account }
    }
}

fn serve(mut stream: TcpStream, account: &Mutex<Account>) {
    let (head, body) = read(&mut stream);
    let mut account = account.lock().unwrap();
    let answer = if head.starts_with("POST / ") {
        let kind = head.lines().find_map(|line| line.strip_prefix("content-type: "));
        account.kinds.push(kind.unwrap_or_default().into());
        account.writes.push(body.clone());
        let path = body.split('&').find_map(|pair| pair.strip_prefix("NewPath="));
        account.path = path.unwrap_or_default().replace("%2F", "/");
        "<UpdateUserResponse xmlns=\"urn:iam\"><ResponseMetadata/></UpdateUserResponse>".to_owned()
    } else {
        let user = account.user.replace('&', "&amp;");
        format!(
            "<ListUsersResponse xmlns=\"urn:iam\">\n  <ListUsersResult><Users><member><Path>{}</Path>\
             <UserName>{user}</UserName><UserId>AIDA</UserId></member></Users></ListUsersResult>\n</ListUsersResponse>",
            account.path
        )
    };
    let text = format!("{}{answer}", account.prologue);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\nconnection: close\r\n";
    write!(stream, "{head}content-length: {}\r\n\r\n{text}", text.len()).ok();
}

fn read(stream: &mut TcpStream) -> (String, String) {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |digits| digits.parse().unwrap()) {
                return (head.to_owned(), body.to_owned());
            }
        }
        match stream.read(&mut chunk) {
            Ok(count) if count > 0 => bytes.extend_from_slice(&chunk[..count]),
            _ => return (text, String::new()),
        }
    }
}
