//! `deed upstream test`: tries a credential of an upstream with one request that only reads.
//!
//! The command is for the operator, who has the files of the served directory. It is not an action: it asks no policy,
//! and nothing is recorded. Nothing of the answer but its status is printed.

mod advice;
mod report;
mod request;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use deed_record::action::CredentialRef;
use deed_sandbox::credentials::Behalf;
use deed_sandbox::probe::{Probe, Probed, probe};

use self::report::{Report, Tried};
use super::out::{Failure, Format};
use super::trust;
use crate::config::{self, Tenant};

#[derive(Debug, Subcommand)]
pub(super) enum UpstreamCommand {
    Test(TestArgs),
}

/// Try a credential of an upstream with one request that only reads
///
/// Sends the request in `test` of the upstream's table in deed.toml, a GET or HEAD, with the checks of addresses and
/// certificates, the proxy and the credential of an observation, and prints what each step found. After a refusal it
/// also says what to check. It never prints the body of the answer or a part of the credential.
///
/// This is not an action: it asks no policy and leaves no record in the host, and the host need not run. Exits with 0
/// if the status is from 200 to 299, and with 1 otherwise. Redirects are not followed.
#[derive(Debug, clap::Args)]
pub(super) struct TestArgs {
    /// The name of the upstream
    name: String,
    /// The directory that the host serves, with deed.toml in it
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// The tenant; required if the host has several tenants
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// Send this request instead of `test`, such as "GET /Users?count=1"
    #[arg(long, value_name = "REQUEST")]
    request: Option<String>,
    /// Send the credential `write` instead of `read`, with the same request
    #[arg(long)]
    write: bool,
    /// The person for whom a token is obtained, if each person has a token of his or her own
    #[arg(long, value_name = "PERSON")]
    person: Option<String>,
    #[command(flatten)]
    format: Format,
}

pub(super) fn run(command: &UpstreamCommand) -> Result<ExitCode, Failure> {
    match command {
        UpstreamCommand::Test(args) => test(args),
    }
}

fn test(args: &TestArgs) -> Result<ExitCode, Failure> {
    let config = config::load(&args.dir).map_err(Failure::failed)?;
    let tenant = trust::chosen(&config, args.tenant.as_deref())?;
    let name = args.name.as_str();
    let upstream = tenant.upstreams.get(name).ok_or_else(|| unknown(tenant, name))?;
    let (phase, credential) = if args.write {
        ("write", upstream.write.as_ref())
    } else {
        ("read", upstream.read.as_ref())
    };
    if args.write && credential.is_none() {
        let what = format!("upstream `{name}` has no credential `write`; run without --write");
        return Err(Failure::Failed(what));
    }
    let request = request::chosen(tenant, name, args.request.as_deref())?;
    if credential.is_some_and(|one| one.source.is_of_requests()) {
        return Err(Failure::Failed(format!(
            "the {phase} credential of upstream `{name}` is exchanged for the access token of a request; propose a dry \
             run with an access token to try it"
        )));
    }
    let described =
        |person: &str| credential.map(|one| one.reference(Behalf { person, requester: None }));
    let person = person(tenant, args.person.as_deref(), described)?;
    let tried = Tried {
        tenant,
        upstream: name,
        phase,
        request: request.clone(),
        credential: described(person),
        base: upstream.base.to_string(),
        host: upstream.base.host.clone(),
        has_tls: upstream.base.tls,
        proxy: upstream.proxy.as_ref().map(|proxy| proxy.base.to_string()),
        client_certificate_ms: upstream.client_certificate.as_ref().map(|one| one.expires_ms()),
    };
    let (with_write, memory) = (args.write, &tenant.memory);
    let probed = send(Probe { upstream, request, with_write, person, memory })?;
    let report = Report::of(tried, &probed);
    args.format.print(&report, Report::text)?;
    Ok(if report.accepted { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn send(asked: Probe<'_>) -> Result<Probed, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Failure::failed)?;
    let probed = runtime.block_on(probe(asked));
    // The command ends without waiting for a look-up of a host name that may still run.
    runtime.shutdown_background();
    Ok(probed)
}

/// The person for whom the token of the credential is obtained; empty if there is one token for all persons.
fn person<'t>(
    tenant: &'t Tenant,
    named: Option<&str>,
    described: impl Fn(&str) -> Option<CredentialRef>,
) -> Result<&'t str, Failure> {
    if described("a") == described("b") {
        return match named {
            None => Ok(""),
            Some(_) => Err(Failure::usage(
                "--person has no effect: the credential is the same for all persons; remove it",
            )),
        };
    }
    let all: BTreeSet<&str> = tenant.agents.values().map(|agent| agent.person.as_str()).collect();
    let list = || all.iter().copied().collect::<Vec<_>>().join("`, `");
    let mut found = all.iter().copied().filter(|one| named.is_none_or(|named| named == *one));
    match (found.next(), found.next()) {
        (Some(person), None) => Ok(person),
        _ => Err(Failure::usage(format!(
            "the token is obtained for a person who is responsible for an agent; name one with --person: `{}`",
            list()
        ))),
    }
}

fn unknown(tenant: &Tenant, name: &str) -> Failure {
    let known: Vec<&str> = tenant.upstreams.keys().map(String::as_str).collect();
    let known = match known.as_slice() {
        [] => "it has none".to_owned(),
        all => format!("use one of `{}`", all.join("`, `")),
    };
    Failure::Failed(format!("tenant `{}` has no upstream `{name}`; {known}", tenant.name))
}
