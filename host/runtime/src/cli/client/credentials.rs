//! The caller's token, from a file, an argument or an environment variable.
//!
//! The token is sent to another machine only over TLS.

use std::path::PathBuf;

use deed_spec::text::safe;

use crate::cli::out::Failure;

/// The token of the caller.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Credentials {
    /// Your bearer token; the environment variable is safer, because other users can see command-line arguments
    #[arg(long, env = "DEED_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// File that contains your bearer token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl Credentials {
    /// Returns the token, if there is one. A token file takes precedence over `--token` and `DEED_TOKEN`. Fails when
    /// the file cannot be read or the token is malformed.
    pub(in crate::cli) fn token(&self) -> Result<Option<String>, Failure> {
        let token = match (&self.token_file, &self.token) {
            (Some(file), _) => std::fs::read_to_string(file)
                .map_err(|e| Failure::Failed(format!("token file `{}`: {e}", file.display())))?,
            (None, Some(token)) => token.clone(),
            (None, None) => return Ok(None),
        };
        let token = token.trim();
        if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Failure::usage(
                "the token is empty or not a single word: set DEED_TOKEN or --token to a token that `deed token new` \
                 printed",
            ));
        }
        Ok(Some(token.to_owned()))
    }
}

/// Checks that a token sent to this URL leaves the machine only over TLS. Fails unless the URL is HTTPS, or HTTP to a
/// loopback address.
pub(in crate::cli) fn check_url(url: &str) -> Result<(), Failure> {
    let plain = url
        .strip_prefix("http://")
        .map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    match plain {
        None if url.starts_with("https://") => Ok(()),
        None => Err(Failure::usage(format!(
            "`{}` is not an address; write http://127.0.0.1:7117 or https://…",
            safe(url)
        ))),
        Some(authority) if is_loopback(authority) => Ok(()),
        Some(_) => Err(Failure::usage(format!(
            "`{}` would send your token in clear text; use https://",
            safe(url)
        ))),
    }
}

fn is_loopback(authority: &str) -> bool {
    if let Ok(address) = authority.parse::<std::net::SocketAddr>() {
        return address.ip().is_loopback();
    }
    let host = authority.split_once(':').map_or(authority, |(host, _)| host);
    host == "localhost" || host.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_stay_on_this_machine_or_inside_tls() {
        for good in [
            "http://127.0.0.1:7117",
            "http://localhost",
            "http://[::1]:80/x",
            "https://deed.example.org",
        ] {
            assert!(check_url(good).is_ok(), "{good}");
        }
        for bad in [
            "http://10.0.0.1",
            "http://127.0.0.1@evil.example",
            "http://localhost.evil.example:1",
            "ftp://x",
            "",
        ] {
            assert!(check_url(bad).is_err(), "{bad}");
        }
    }
}
