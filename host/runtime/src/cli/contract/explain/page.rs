//! The explanation of a contract as text for people.

use deed_record::contract::Requests;
use deed_spec::text::safe;
use serde_json::Value;

use super::super::super::shown;
use super::super::super::text::{compact, line};
use super::open::Computed;
use super::{Report, Request};

/// The whole explanation: the states, every request with the origin of each value, and the conditions.
pub(super) fn page(report: &Report) -> String {
    let mut text = format!("{} {}\n", safe(&report.contract), safe(&report.version));
    line(&mut text, format_args!("resource  {}", safe(&report.resource)));
    if report.open {
        line(&mut text, format_args!("open      {}", planned(report)));
    }
    for state in &report.states {
        let from = match &state.from {
            Some(Requests::One(from)) => format!("read by the host from `{}`", safe(from)),
            Some(Requests::Pages(all)) => {
                let all: Vec<String> = all.iter().map(|one| format!("`{}`", safe(one))).collect();
                format!("read by the host from the pages {}", all.join(", "))
            }
            None => "read by the adapter".to_owned(),
        };
        let absent = if state.may_be_absent { "; null if it does not exist" } else { "" };
        line(&mut text, format_args!("state     {}: {from}{absent}", safe(&state.name)));
    }
    for (title, requests) in [("observe", &report.observe), ("perform", &report.perform)] {
        if !requests.is_empty() {
            line(&mut text, format_args!("\n{title}"));
        }
        for one in requests {
            let others = if title == "perform" { requests.as_slice() } else { &[] };
            show(&mut text, one, others);
        }
    }
    for (title, list) in [
        ("before", &report.before),
        ("after", &report.after),
        ("open while", &report.pending),
        ("may change", &report.may_change),
        ("an approval depends on", &report.depends_on),
        ("outputs", &report.outputs),
    ] {
        if !list.is_empty() {
            line(&mut text, format_args!("\n{title}"));
        }
        for one in list {
            line(&mut text, format_args!("  {}", safe(one)));
        }
    }
    text + &granted(report)
}

/// Why the contract is open. Without computed parts, the adapter only decides which writes it sends, or writes contain
/// values of answers.
fn planned(report: &Report) -> &'static str {
    if report.perform.iter().any(|one| !one.computed.is_empty()) {
        "the adapter computes parts; each action is planned in a rehearsal"
    } else {
        "each action is planned in a rehearsal"
    }
}

/// The line that the grant needs if the contract has POST requests that only read.
fn granted(report: &Report) -> String {
    if report.safe.is_empty() {
        return String::new();
    }
    let pair = |(request, digest): (&String, &String)| {
        // A literal string of TOML cannot contain an apostrophe. A string of JSON is also a basic string of TOML.
        let key = if request.contains('\'') {
            Value::from(request.as_str()).to_string()
        } else {
            format!("'{request}'")
        };
        format!("{} = '{digest}'", safe(&key))
    };
    let pairs: Vec<String> = report.safe.iter().map(pair).collect();
    format!(
        "\nthe grant needs, if these requests only read for all parameters\n  safe = {{ {} }}\n",
        pairs.join(", ")
    )
}

/// One request. `others` are the requests that may contain values of its answer.
fn show(text: &mut String, one: &Request, others: &[Request]) {
    let Request { rendered, encoded, values, .. } = one;
    line(text, format_args!("  {}", shown::request(rendered)));
    *text += &shown::headers(rendered, None, "    ");
    *text += &shown::body(rendered, "    ");
    *text += &shown::notes(rendered, others.iter().map(|other| &other.rendered));
    if let Some(encoded) = encoded {
        let kind = rendered.codec.content_type();
        line(text, format_args!("    sent as {kind}: {}", safe(encoded)));
    }
    for (statuses, what) in [
        (&rendered.absent, "says that the state does not exist"),
        (&rendered.created, "proves that this write created the state"),
        (&rendered.throttled, "with `Retry-After` says that the request may be repeated"),
        (&rendered.accepted, "says that the write may be carried out later"),
    ] {
        if !statuses.is_empty() {
            line(
                text,
                format_args!("    a status of {} {what}", compact(&Value::from(statuses.clone()))),
            );
        }
    }
    *text += &left_open(one);
    *text += &answer(one);
    let values = values.iter().map(|value| value.shown.clone());
    *text += &shown::listed(values.chain(one.computed.iter().map(computed)).collect());
}

/// A part that the adapter computes, and what it may be.
fn computed(part: &Computed) -> String {
    let place = match part.at.as_str() {
        "" => "the whole body".to_owned(),
        at => format!("body {}", safe(at)),
    };
    let (name, schema) = (safe(&part.name), compact(&part.schema));
    format!("{place}: computed by the adapter, as `{name}`, with the schema {schema}")
}

/// How often the adapter may send a write.
fn left_open(one: &Request) -> String {
    let mut text = String::new();
    if !one.computed.is_empty() && one.rendered.calls > 1 {
        let calls = one.rendered.calls;
        line(
            &mut text,
            format_args!("    may be sent up to {calls} times, each time with other values"),
        );
    }
    if one.rendered.optional {
        text += "    the adapter may leave out this write (`optional`)\n";
    }
    text
}

/// What the contract says about a search, and about the answer to a request.
fn answer(one: &Request) -> String {
    let mut text = String::new();
    if one.reads {
        text += "    only reads, although it is a POST: the grant must permit it with `safe`\n";
    }
    if one.complete {
        text += "    the answer always has the whole list (`complete`)\n";
    }
    if let Some(condition) = &one.rendered.refused_when {
        let what = if one.rendered.writes { "is a refusal" } else { "is an error" };
        let condition = safe(condition.source());
        line(&mut text, format_args!("    a status of 2xx {what} if `{condition}`"));
    }
    match one.rendered.expose.as_deref() {
        Some([]) => text += "    the host keeps no part of the answer\n",
        Some(pointers) => {
            let pointers = safe(&pointers.join(", "));
            line(
                &mut text,
                format_args!("    the host keeps only these parts of the answer: {pointers}"),
            );
        }
        None => {}
    }
    text
}

/// The bytes of each request, one line of the head per line, after a comment with the upstream.
pub(super) fn raw(report: &Report) -> String {
    let mut text = String::new();
    for (phase, requests) in [("observe", &report.observe), ("perform", &report.perform)] {
        for one in requests {
            line(&mut text, format_args!("# {phase}, upstream {}", safe(&one.rendered.upstream)));
            // Without a body, nothing follows the empty line that ends the head.
            for part in one.raw.strip_suffix("\r\n\r\n").unwrap_or(&one.raw).split("\r\n") {
                line(&mut text, format_args!("{}", safe(part)));
            }
            text.push('\n');
        }
    }
    text
}
