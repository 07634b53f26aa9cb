//! A table of mistakes: each row edits a valid file, and lists the place and the text of the expected report.

/// A mistake that is made by an edit: in `file`, the text `from` is replaced by `to`. The fault must be reported in the
/// file `told`, at the line of the text `at`, in a message that contains every text of `remedy`.
pub(crate) struct Mistake {
    pub(crate) file: &'static str,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) told: &'static str,
    pub(crate) at: &'static str,
    pub(crate) remedy: &'static [&'static str],
}

const CONFIG: &str = "deed.toml";
pub(super) const CONTRACT: &str = "contracts/restore_access.toml";

const fn here(
    file: &'static str,
    from: &'static str,
    to: &'static str,
    remedy: &'static [&'static str],
) -> Mistake {
    Mistake { file, from, to, told: file, at: to, remedy }
}

pub(crate) const MISTAKES: &[Mistake] = &[
    here(
        CONFIG,
        "listen = \"127.0.0.1:0\"\nop",
        "lissten = \"127.0.0.1:0\"\nop",
        &["unknown field `lissten`", "`listen`"],
    ),
    here(CONFIG, "timeout = \"2s\"", "timeout = 2", &["invalid type: integer `2`", "string"]),
    here(
        CONFIG,
        "timeout = \"2s\"",
        "timeout = \"2 seconds\"",
        &["`2 seconds` is not a duration", "whole number and ms, s, m or h"],
    ),
    here(
        CONFIG,
        "environment = \"production\"\n",
        "disk_reserve = \"64MB\"\nenvironment = \"production\"\n",
        &["`64MB` is not a size", "KiB, MiB, GiB or TiB"],
    ),
    Mistake {
        file: CONFIG,
        from: "[http]\n",
        to: "[limits]\nruns = 65\n[http]\n",
        told: CONFIG,
        at: "runs = 65",
        remedy: &["`runs` must be from 1 to 64"],
    },
    Mistake {
        file: CONFIG,
        from: "[http]\n",
        to: "[limits]\nunder_way = { hosts = 9 }\n[http]\n",
        told: CONFIG,
        at: "under_way = { hosts = 9 }",
        remedy: &["unknown field `hosts`", "`host`"],
    },
    Mistake {
        file: CONFIG,
        from: "[http]\n",
        to: "[limits]\nwaiting = { host = 10, tenant = 6 }\n[http]\n",
        told: CONFIG,
        at: "waiting = { host = 10, tenant = 6 }",
        remedy: &["`tenant` of `waiting` must be from 1 to half of `host`, here 5"],
    },
    Mistake {
        file: CONFIG,
        from: "[http]\n",
        to: "[limits]\nunder_way = { tenant = 10, agent = 6 }\n[http]\n",
        told: CONFIG,
        at: "under_way = { tenant = 10, agent = 6 }",
        remedy: &["`agent` of `under_way` must be from 1 to half of `tenant`, here 5"],
    },
    Mistake {
        file: CONFIG,
        from: "[http]\n",
        to: "[notify]\nurl = \"https://hooks.example/x\"\nsecret = { file = \"secrets/idp_read\" }\nevents = []\n\n[http]\n",
        told: CONFIG,
        at: "events = []",
        remedy: &["`events` is empty", "name an event"],
    },
    Mistake {
        file: CONFIG,
        from: "[http]\n",
        to: "[notify]\nurl = \"https://hooks.example/x\"\nsecret = { file = \"secrets/idp_read\" }\nevents = [\"action.end\"]\n\n[http]\n",
        told: CONFIG,
        at: "events = [\"action.end\"]",
        remedy: &["unknown variant `action.end`", "`action.ended`"],
    },
    Mistake {
        file: CONFIG,
        from: "[http]\n",
        to: "[notify]\nurl = \"https://hooks.example/x\"\nsecret = { file = \"secrets/idp_read\" }\nprevious = { file = \"secrets/idp_read\" }\n\n[http]\n",
        told: CONFIG,
        at: "previous = { file",
        remedy: &["is the same secret as `secret`", "remove it"],
    },
    Mistake {
        file: CONFIG,
        from: "[tenant.acme.person.alice]\n",
        to: "[tenant.acme.agent.helpdesk.notify]\nurl = \"https://hooks.example/x\"\nsecret = { file = \"secrets/idp_read\" }\nevents = [\"action.ended\"]\n\n[tenant.acme.person.alice]\n",
        told: CONFIG,
        at: "events = [\"action.ended\"]",
        remedy: &["`events` is for [notify] only", "[tenant.acme.agent.helpdesk.notify]"],
    },
    Mistake {
        file: CONFIG,
        from: "[tenant.acme.person.alice]\n",
        to: "[tenant.acme.agent.helpdesk.notify]\nurl = \"http://hooks.example/x\"\nsecret = { file = \"secrets/idp_read\" }\n\n[tenant.acme.person.alice]\n",
        told: CONFIG,
        at: "url = \"http://hooks.example/x\"",
        remedy: &["`url` under [tenant.acme.agent.helpdesk.notify] must be https"],
    },
    here(CONFIG, "timeout = \"2s\"", "concurrency = 0", &["`concurrency` must be from 1 to 64"]),
    here(
        CONFIG,
        "listen = \"127.0.0.1:0\"\nop",
        "listen = \"0.0.0.0:0\"\nop",
        &["is not a loopback address", "`behind_proxy = true`"],
    ),
    here(
        CONFIG,
        "operations = \"127.0.0.1:0\"",
        "operations = \"[::]:0\"",
        &["is not a loopback address", "`behind_proxy = true`"],
    ),
    here(
        CONFIG,
        "environment = \"production\"",
        "environment = \"Production!\"",
        &["lower-case name", "`production`"],
    ),
    here(
        CONFIG,
        "addresses = [\"loopback\"]",
        "addresses = [\"local\"]",
        &["`local` is not an address class", "loopback"],
    ),
    here(
        CONFIG,
        "addresses = [\"loopback\"]",
        "addresses = [\"public\"]",
        &["a loopback address, but `addresses` allows only public", "add `\"loopback\"`"],
    ),
    here(
        CONFIG,
        "person = \"alice\"",
        "person = \"alyce\"",
        &["`alyce` is missing", "[tenant.acme.person.alyce]"],
    ),
    here(
        CONFIG,
        "policies = [\"policies/starter.cedar\"]",
        "policies = [\"policies/none.cedar\"]",
        &[
            "`policies` of tenant `acme`: `policies/none.cedar` cannot be read",
            "put the file there or correct `policies`",
        ],
    ),
    here(
        CONFIG,
        "policies = [\"policies/starter.cedar\"]",
        "policies = [\"../starter.cedar\"]",
        &["leaves the served directory", "relative path"],
    ),
    here(
        CONFIG,
        "read = { secret = \"idp_read\",",
        "read = { secret = \"idp_reed\",",
        &["secret `idp_reed` is missing", "[secret]"],
    ),
    Mistake {
        file: CONFIG,
        from: "file = \"secrets/idp_read\"",
        to: "file = \"secrets/none\"",
        told: CONFIG,
        at: "[tenant.acme.secret.idp_read]",
        remedy: &["cannot read", "run `deed secret set DIR idp_read`, or correct `file`"],
    },
    Mistake {
        file: CONFIG,
        from: "[tenant.acme.upstream.idp]",
        to: "[tenant.acme.upstream.ldap]",
        told: CONFIG,
        at: "[tenant.acme.grant.\"idp.read_user\"]",
        remedy: &["needs upstream `idp`", "add [tenant.acme.upstream.idp]"],
    },
    here(
        CONFIG,
        "upstreams = [\"idp\"]",
        "upstreams = [\"idp\", \"crm\"]",
        &["contracts/read_user.toml does not use `crm`", "remove it from `upstreams`"],
    ),
    here(
        CONFIG,
        "upstreams = [\"idp\"]",
        "upstreams = []",
        &["needs upstream `idp`", "add it to `upstreams`"],
    ),
    Mistake {
        file: CONFIG,
        from: "[tenant.acme.grant.\"idp.read_user\"]",
        to: "[tenant.acme.grant.\"idp.no_such\"]",
        told: CONFIG,
        at: "[tenant.acme.grant.\"idp.no_such\"]",
        remedy: &["no file under contracts/ has `name = \"idp.no_such\"`", "remove the grant"],
    },
    here(CONTRACT, "title    =", "titel    =", &["unknown field `titel`", "`title`"]),
    here(CONTRACT, "sources = 1", "sources = \"one\"", &["invalid type: string \"one\"", "usize"]),
    here(
        CONTRACT,
        "verb     = \"update\"",
        "verb     = \"upsert\"",
        &["unknown variant `upsert`", "`update`"],
    ),
    here(
        CONTRACT,
        "timeout = \"30s\"",
        "timeout = \"30h\"",
        &["`timeout` must be from 100ms to 5m"],
    ),
    here(
        CONTRACT,
        "GET /Users/{user_id}",
        "GET /Users/{id}",
        &["`{id}` is not bound", "add `properties.id` under [params]"],
    ),
    here(
        CONTRACT,
        "value = true }] }",
        "value = \"{state}\" }] }",
        &["`{state}` is not bound", "add `properties.state` under [params]"],
    ),
    here(
        CONTRACT,
        "has(post.user.active) && post.user.active",
        "post.user.enabled",
        &["`post.user.enabled` is not declared", "its properties are `active`"],
    ),
    here(
        CONTRACT,
        "has(post.user.active) && post.user.active",
        "post.user.active",
        &["`post.user.active`", "has("],
    ),
    here(CONTRACT, "has(pre.user.active) && !pre.user.active", "!post.user.active", &["post"]),
    here(
        CONTRACT,
        "may_change = [\"/user/active\"]",
        "may_change = [\"/user/enabled\"]",
        &["`/user/enabled` is outside the declared state", "property under [state]"],
    ),
    here(
        CONTRACT,
        "volatile   = [\"/meta\"]",
        "volatile   = [\"/mета\"]",
        &["outside the declared state"],
    ),
];
