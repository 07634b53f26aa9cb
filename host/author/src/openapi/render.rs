//! Writes a contract as TOML, with its questions above the lines that they concern.

use serde_json::Value;

use super::sketch::{Asked, Rule, Sketch, State};
use super::text::{inline, key, list, named, prose, quoted};

/// The longest comment or question.
const COMMENT_MAX: usize = 500;
/// The longest line of a list; a longer list has a line for each value.
const LINE_MAX: usize = 110;

/// A file that is being written.
#[derive(Default)]
struct Page {
    text: String,
    questions: usize,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn table(&mut self, head: &str) {
        self.line("");
        self.line(head);
    }

    fn set(&mut self, name: &str, value: &str) {
        self.line(&format!("{name:<8} = {value}"));
    }

    /// A text, if there is one.
    fn maybe(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.set(name, &quoted(text));
        }
    }

    fn comment(&mut self, text: &str) {
        self.line(&format!("# {}", prose(text, COMMENT_MAX)));
    }

    fn ask(&mut self, questions: &[String]) {
        for question in questions {
            self.line(&format!("#? {}", prose(question, COMMENT_MAX)));
            self.questions += 1;
        }
    }

    /// A list of texts, with a line for each if it is long.
    fn texts(&mut self, name: &str, texts: &[String]) {
        let items: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
        let whole = list(&items);
        if whole.chars().count() <= LINE_MAX {
            return self.set(name, &whole);
        }
        self.set(name, "[");
        for item in items {
            self.line(&format!("    {item},"));
        }
        self.line("]");
    }

    fn asked(&mut self, name: &str, asked: &Asked<Vec<String>>) {
        self.ask(&asked.questions);
        self.texts(name, &asked.value);
    }
}

/// The text of a contract, and the number of its questions.
pub(super) fn contract(sketch: &Sketch) -> (String, usize) {
    let mut page = Page::default();
    head(&mut page, sketch);
    params(&mut page, sketch);
    state(&mut page, &sketch.state);
    for one in &sketch.observe {
        rule(&mut page, "observe", sketch.upstream(), one);
    }
    if let Some(write) = &sketch.perform {
        rule(&mut page, "perform", sketch.upstream(), write);
        verify(&mut page, sketch);
    }
    let mut about = Page::default();
    for line in &sketch.about {
        about.comment(line);
    }
    if page.questions > 0 {
        about.comment(
            "A line that begins with `#?` is a question. Answer it in the line below it, and remove the question.",
        );
    }
    (about.text + &page.text, page.questions)
}

fn head(page: &mut Page, sketch: &Sketch) {
    page.line("format = 2");
    page.table("[action]");
    page.set("name", &quoted(&sketch.name));
    page.set("version", "\"1.0.0\"");
    page.set("title", &quoted(&sketch.title));
    page.set("verb", &quoted(sketch.verb));
    page.set("mode", &quoted(sketch.mode));
    page.ask(&sketch.effect.questions);
    page.set("effect", &quoted(sketch.effect.value));
    page.set("resource", &quoted(&sketch.resource));
    page.set("adapter", "\"declared\"");
}

fn params(page: &mut Page, sketch: &Sketch) {
    page.table("[params]");
    let all = sketch.params.list();
    let required: Vec<String> =
        all.iter().filter(|one| one.required).map(|one| one.name.clone()).collect();
    if !required.is_empty() {
        page.texts("required", &required);
    }
    for one in all {
        for note in one.lost.notes(&one.name) {
            page.comment(&note);
        }
        page.ask(one.lost.question(&one.name).as_slice());
        property(page, &one.name, &serde_json::to_value(&one.schema).unwrap_or_default());
    }
}

fn property(page: &mut Page, name: &str, schema: &Value) {
    page.line(&format!("properties.{} = {}", key(name), inline(schema)));
}

fn state(page: &mut Page, state: &State) {
    page.table(&format!("[state.{}]", state.name));
    page.set("from", &quoted(&state.from));
    page.maybe("at", state.at.as_deref());
    page.maybe("only", state.only.as_deref());
    let required: Vec<String> =
        state.members.iter().filter(|one| one.required).map(|one| one.name.clone()).collect();
    if !required.is_empty() {
        page.texts("required", &required);
    }
    volatile(page, state);
    for one in &state.members {
        property(page, &one.name, &serde_json::to_value(&one.schema).unwrap_or_default());
    }
    if !state.left_out.is_empty() {
        let names = named(state.left_out.iter().map(String::as_str));
        page.comment(&format!("Members of the answer that are not declared: {names}."));
    }
}

/// The members that change by themselves, as far as their names suggest it.
fn volatile(page: &mut Page, state: &State) {
    let unsure = named(state.unsure.iter().map(String::as_str));
    if !state.volatile.is_empty() {
        let also = format!(" The upstream may also set these members itself: {unsure}.");
        let question = "Which members change by themselves, or with every write? These have names that suggest it. Keep \
                        their pointers in `volatile`, and remove the pointers of the others.";
        let also = if unsure.is_empty() { "" } else { also.as_str() };
        page.ask(&[format!("{question}{also}")]);
        page.texts("volatile", &state.volatile);
    } else if !unsure.is_empty() {
        page.comment(&format!(
            "The upstream may set these members itself: {unsure}. If they change by themselves, add `volatile` with their \
             pointers."
        ));
    }
}

fn rule(page: &mut Page, phase: &str, upstream: &str, rule: &Rule) {
    page.line("");
    if let Some(comment) = rule.comment {
        page.comment(comment);
    }
    page.line(&format!("[[{phase}.http]]"));
    page.set("upstream", &quoted(upstream));
    page.maybe("name", rule.name);
    page.ask(&rule.questions);
    page.set("request", &quoted(&rule.request));
    if !rule.headers.is_empty() {
        let pair = |(name, value): &(String, String)| format!("{} = {}", key(name), quoted(value));
        let pairs: Vec<String> = rule.headers.iter().map(pair).collect();
        page.set("headers", &format!("{{ {} }}", pairs.join(", ")));
    }
    if let Some(codec) = rule.codec {
        page.set("codec", codec);
    }
    if rule.absent {
        page.set("absent", "[404]");
    }
    page.maybe("control", rule.control.as_deref());
    if let Some(pointers) = &rule.expose {
        page.texts("expose", pointers);
    }
    answers(page, rule);
    if !rule.body.is_empty() {
        body(page, phase, rule);
    }
}

fn body(page: &mut Page, phase: &str, rule: &Rule) {
    page.line("");
    if !rule.left_out.is_empty() {
        let names = named(rule.left_out.iter().map(String::as_str));
        page.comment(&format!("Members of the document that are not sent: {names}."));
    }
    page.ask(&rule.body_questions);
    page.line(&format!("[{phase}.http.body]"));
    for (name, value) in &rule.body {
        page.line(&format!("{} = {value}", key(name)));
    }
}

/// What the answers to a write mean.
fn answers(page: &mut Page, rule: &Rule) {
    if rule.accepted.value {
        page.ask(&rule.accepted.questions);
        page.set("accepted", "[202]");
    }
    if !rule.created.value.is_empty() {
        page.ask(&rule.created.questions);
        let codes: Vec<String> = rule.created.value.iter().map(u16::to_string).collect();
        page.set("created", &list(&codes));
    }
    if let Some((name, schema)) = &rule.answer {
        let schema = inline(&serde_json::to_value(schema).unwrap_or_default());
        page.set("answer", &format!("{{ {} = {schema} }}", key(name)));
    }
}

fn verify(page: &mut Page, sketch: &Sketch) {
    page.table("[verify]");
    if !sketch.before.is_empty() {
        page.texts("before", &sketch.before);
    }
    page.asked("after", &sketch.after);
    page.asked("may_change", &sketch.may_change);
    page.set("settle", "\"0s\"");
    if let Some((name, value)) = &sketch.output {
        page.table("[outputs]");
        page.set(&key(name), &quoted(value));
    }
}
