//! Attack: sends bodies that differ from the body of its contract, or that two parsers would read differently: more
//! fields, other values, duplicate keys, numbers that are too large, text that is not JSON, JSON that is too deep.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, log};
use deed_guests::{denied, look, request, restore, restored, user};

struct ForgesBodies;

impl Adapter for ForgesBodies {
    fn observe(action: &Action) -> Result<(), Failure> {
        look(action).map(drop)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        let user = user(action)?;
        for body in bodies() {
            let shown: String = body.chars().take(60).collect();
            denied(&shown, &request("PATCH", &user, Some(body)));
        }
        denied("no body", &request("PATCH", &user, None));
        log::info("it asked for all of it");
        restore(action)?.accepted().map(drop)
    }
}

export_adapter!(ForgesBodies);

fn bodies() -> Vec<String> {
    let own = restored().to_string();
    let open = own.trim_end_matches('}');
    let value = |value: &str| own.replace("true", value);
    vec![
        format!("{open}, \"userType\": \"admin\"}}"),
        format!("{open}, \"Operations\": []}}"),
        format!("{open}, \"\\u004fperations\": []}}"),
        format!("{open}, \"__proto__\": {{}}}}"),
        value("false"),
        value("\"true\""),
        value("1"),
        value("9007199254740993"),
        value("1e400"),
        value("-0.0"),
        value("NaN"),
        value("true, \"value\": false"),
        own.replace("\"active\"", "\"userName\""),
        own.replace("replace", "remove"),
        format!("{own}{own}"),
        format!("{own}\0"),
        format!("\u{feff}{own}"),
        format!("/**/{own}"),
        format!("[{own}]"),
        open.to_owned(),
        String::new(),
        "null".to_owned(),
        "active=true".to_owned(),
        "\"\\ud800\"".to_owned(),
        "[".repeat(100_000),
        format!("{}1{}", "[".repeat(65), "]".repeat(65)),
        "{\"a\":".repeat(100_000),
    ]
}
