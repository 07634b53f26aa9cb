//! The program. It keeps only the fields of a result that have no free text.

use std::thread;
use std::time::Duration;

use deed_tests::world::World;
use serde_json::{Map, Value, json};

use super::{call, value};

/// The fields that the program reads.
const FIELDS: [&str; 10] = [
    "action",
    "status",
    "outcome",
    "outputs",
    "result",
    "waits_for",
    "poll_after_ms",
    "errors",
    "again",
    "retry_after_ms",
];
/// The fields of one error that the program reads.
const OF_ERROR: [&str; 2] = ["pointer", "expected"];
const OPEN: [&str; 3] = ["pending", "running", "waiting"];
/// How often the program calls before it gives up.
const CALLS_MAX: usize = 8;

pub(super) struct Program<'w> {
    world: &'w World,
    /// What the program knows from its task, by name.
    facts: Value,
    /// The longest wait that the schema of `deed_status` permits, in seconds.
    wait_max_s: u64,
}

/// What happened in the course of a task.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// The pointers of the errors that the program corrected, sorted.
    pub(super) corrected: Vec<String>,
    /// How often the program repeated a call that came too early.
    pub(super) repeated: usize,
    /// How often the program asked for the status.
    pub(super) polls: usize,
    /// The fields of the last result.
    pub(super) end: Value,
}

impl Course {
    pub(super) fn status(&self) -> &str {
        self.end["status"].as_str().unwrap_or_default()
    }

    fn is_open(&self) -> bool {
        OPEN.contains(&self.status())
    }
}

impl<'w> Program<'w> {
    pub(super) fn new(world: &'w World, facts: Value) -> Self {
        let tools = call::tools(world);
        let status = tools.iter().find(|tool| tool["name"] == "deed_status").unwrap();
        let wait_max_s = status["inputSchema"]["properties"]["wait_s"]["maximum"].as_u64().unwrap();
        Self { world, facts, wait_max_s }
    }

    /// Calls a tool, corrects the call as long as the refusals say how, and waits for the end of the action.
    pub(super) fn carry(&self, tool: &str, arguments: &Value) -> Course {
        let mut course = self.proposed(tool, arguments.clone());
        while course.is_open() {
            let wait_s = course.end["poll_after_ms"].as_u64().unwrap().div_ceil(1_000);
            let wait_s = wait_s.min(self.wait_max_s);
            let asked = json!({"action": course.end["action"], "wait_s": wait_s});
            course.end = self.call("deed_status", &asked);
            course.polls += 1;
        }
        course
    }

    /// Calls until the call is not refused, or the refusal says that another call cannot help.
    pub(super) fn proposed(&self, tool: &str, mut arguments: Value) -> Course {
        let mut course = Course::default();
        for _ in 0..CALLS_MAX {
            course.end = self.call(tool, &arguments);
            match course.end["again"].as_str() {
                Some("corrected") => self.correct(&mut arguments, &mut course),
                Some("later") => {
                    let pause = course.end["retry_after_ms"].as_u64().unwrap();
                    thread::sleep(Duration::from_millis(pause));
                    course.repeated += 1;
                }
                _ => break,
            }
        }
        course.corrected.sort();
        course
    }

    fn call(&self, tool: &str, arguments: &Value) -> Value {
        fields(&call::tool(self.world, tool, arguments), &FIELDS)
    }

    /// Corrects the arguments where the errors of the last result say so. An argument for which nothing is expected is
    /// left out.
    fn correct(&self, arguments: &mut Value, course: &mut Course) {
        for error in course.end["errors"].as_array().into_iter().flatten() {
            let error = fields(error, &OF_ERROR);
            let pointer = error["pointer"].as_str().unwrap();
            match error.get("expected") {
                Some(schema) => {
                    let name = pointer.rsplit('/').next().unwrap();
                    *value::at(arguments, pointer) = value::of(schema, name, &self.facts);
                }
                None => value::remove(arguments, pointer),
            }
            course.corrected.push(pointer.to_owned());
        }
    }
}

/// These members of an object.
fn fields(object: &Value, names: &[&str]) -> Value {
    let kept =
        names.iter().filter_map(|name| Some(((*name).to_owned(), object.get(name)?.clone())));
    Value::Object(kept.collect::<Map<String, Value>>())
}
