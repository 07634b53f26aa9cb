//! What a client does after its first call, as the arguments of the programs say it.

use std::time::Duration;

use serde_json::{Value, json};

#[derive(Debug)]
pub(super) struct Steps {
    /// Stop waiting for the first call after this time.
    pub(super) cut: Option<Duration>,
    /// Call a second time.
    pub(super) again: bool,
    /// The argument that the second call changes, and its value.
    change: Option<(String, String)>,
    /// Ask for the status until the action has ended.
    pub(super) polls: bool,
    /// The resource of the action that is read at the end.
    pub(super) read: Option<String>,
}

impl Steps {
    pub(super) fn of(arguments: &[&str]) -> Self {
        let mut steps = Self { cut: None, again: false, change: None, polls: true, read: None };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match *argument {
                "--again" => steps.again = true,
                "--no-poll" => steps.polls = false,
                named => steps.set(named, rest.next().unwrap()),
            }
        }
        steps
    }

    /// Sets what has a value.
    fn set(&mut self, name: &str, value: &str) {
        match name {
            "--cut" => self.cut = Some(Duration::from_millis(value.parse().unwrap())),
            "--change" => {
                let (argument, value) = value.split_once('=').unwrap();
                self.change = Some((argument.to_owned(), value.to_owned()));
            }
            _ => {
                assert_eq!(name, "--read", "the client does not have this argument");
                self.read = Some(value.to_owned());
            }
        }
        self.again |= name != "--read";
    }

    /// The arguments of the second call.
    pub(super) fn changed(&self, arguments: &Value) -> Value {
        let mut arguments = arguments.clone();
        if let Some((name, value)) = &self.change {
            arguments[name] = json!(value);
        }
        arguments
    }
}
