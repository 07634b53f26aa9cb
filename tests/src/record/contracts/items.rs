//! Contracts that create or delete an item, without adapter code.

use super::Kind;

/// The contract of a kind as TOML.
pub(super) fn toml(kind: Kind) -> String {
    let (verb, rest) = match kind {
        Kind::Create => ("create", CREATE),
        Kind::Find => ("create", FIND),
        _ => ("delete", DELETE),
    };
    format!(
        r#"format = 2
[action]
name = "crash.{name}"
version = "1.0.0"
title = "Create or delete an item of the record"
verb = "{verb}"
mode = "write"
effect = "{effect}"
resource = "record/{name}/{{item}}"
adapter = "declared"

[params]
required = ["item", "value"]
properties.item = {{ type = "string", pattern = "^[a-z0-9-]{{1,60}}$" }}
properties.value = {{ type = "string", pattern = "^[a-z]{{1,20}}$" }}
{rest}
[limits]
timeout = "20s"
attempts = 3
backoff = "100ms"
"#,
        name = kind.as_str(),
        effect = kind.effect(),
    )
}

/// The list of things is read before and after the write, so that each observation begins with the same request.
const CREATE: &str = r#"
[state.list]
from = "GET /create/{item}"
required = ["count"]
properties.count = { type = "integer" }

[state.thing]
from = "GET /create/{item}/{answer.make.id}"
required = ["value"]
properties.value = { type = "string" }

[[observe.http]]
upstream = "record"
request = "GET /create/{item}"

[[observe.http]]
upstream = "record"
request = "GET /create/{item}/{answer.make.id}"

[[perform.http]]
upstream = "record"
name = "make"
request = "POST /create/{item}"
body = { value = "{value}", by = "{action.id}" }
created = [201]
answer = { id = { type = "integer", minimum = 1 } }

[verify]
after = ["post.list.count == pre.list.count + 1", "post.thing != null && post.thing.value == params.value"]
may_change = ["/list/count", "/thing"]
"#;

const FIND: &str = r#"
[state.thing]
from = "GET /find/{item}?by={action.id}"
only = "/things"
required = ["value", "by"]
properties.value = { type = "string" }
properties.by = { type = "string" }

[[observe.http]]
upstream = "record"
request = "GET /find/{item}?by={action.id}"
control = "GET /find"

[[observe.http]]
upstream = "record"
request = "GET /find"

[[perform.http]]
upstream = "record"
request = "POST /find/{item}"
body = { value = "{value}", by = "{action.id}" }

[verify]
before = ["pre.thing == null"]
after = ["post.thing != null && post.thing.value == params.value"]
may_change = ["/thing"]
"#;

const DELETE: &str = r#"
[state.thing]
from = "GET /delete/{item}"
required = ["id"]
properties.id = { type = "string" }

[[observe.http]]
upstream = "record"
request = "GET /delete/{item}"
absent = [404]
control = "GET /delete"

[[observe.http]]
upstream = "record"
request = "GET /delete"

[[perform.http]]
upstream = "record"
request = "DELETE /delete/{item}"

[verify]
before = ["pre.thing != null"]
after = ["post.thing == null"]
may_change = ["/thing"]
"#;
