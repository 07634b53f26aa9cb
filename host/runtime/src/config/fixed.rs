//! The values of `deed.toml` that a running host cannot change, because it opened something with them when it started.

use super::fault::{Fault, Source};
use super::{DISK_RESERVE, Limits, raw};

/// The values that stay the same while a host runs.
#[derive(Debug, Default)]
pub struct Fixed(Vec<Field>);

#[derive(Debug)]
struct Field {
    /// The field as a message names it.
    name: &'static str,
    line: usize,
    value: String,
}

impl Fixed {
    pub(super) fn of(raw: &raw::Host, limits: &Limits, here: &Source) -> Self {
        let field = |name, table: &str, needle: &str, value: String| {
            let line = if table.is_empty() {
                here.fault(needle, "").line
            } else {
                here.fault_in(table, needle, "").line
            };
            Field { name, line, value }
        };
        let reserve = raw.disk_reserve.unwrap_or(DISK_RESERVE).bytes();
        let tenants: Vec<&str> = raw.tenant.keys().map(String::as_str).collect();
        let (http, log) = (&raw.http, &raw.log);
        let witnesses = (&raw.witness, log.witness_quorum, log.witness_wait);
        Self(vec![
            field("`environment`", "", "environment", raw.environment.clone()),
            field("`disk_reserve`", "", "disk_reserve", format!("{reserve} bytes")),
            field("`listen` under [http]", "[http]", "listen", http.listen.to_string()),
            field("`operations` under [http]", "[http]", "operations", http.operations.to_string()),
            field(
                "`behind_proxy` under [http]",
                "[http]",
                "behind_proxy",
                http.behind_proxy.to_string(),
            ),
            field(
                "`public_url` under [http]",
                "[http]",
                "public_url",
                or_none(http.public_url.as_deref()),
            ),
            field("`runs` under [limits]", "[limits]", "runs", limits.runs.to_string()),
            field("`origin` under [log]", "[log]", "origin", log.origin.clone()),
            field("the witnesses", "", "witness", format!("{witnesses:?}")),
            field("the set of tenants", "", "[tenant.", tenants.join(", ")),
        ])
    }

    /// One fault for each value that differs from the value with which the host started.
    pub fn changed(&self, now: &Self) -> Vec<Fault> {
        let pairs = self.0.iter().zip(&now.0);
        pairs.filter(|(was, is)| was.value != is.value).map(|(was, is)| fault(was, is)).collect()
    }
}

fn or_none(value: Option<&str>) -> String {
    value.unwrap_or("(none)").to_owned()
}

fn fault(was: &Field, is: &Field) -> Fault {
    // The description of the witnesses is too long for a message.
    let values = if was.name == "the witnesses" {
        String::new()
    } else {
        format!(" from `{}` to `{}`", was.value, is.value)
    };
    let what = format!(
        "{} changed{values}, and a running host cannot change this; restart the host, or put the earlier value back",
        is.name
    );
    Fault::new("deed.toml", is.line, what)
}
