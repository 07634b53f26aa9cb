//! CEL expressions of a contract, evaluated to true or false over `params`, `pre` and `post`.
//!
//! An expression can refer only to declared properties, and its cost is bounded. An evaluation error is never ignored.

mod answer;
mod check;
mod decimals;
mod structure;
mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use cel::Program;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::contract::schema::Schema;

/// The maximum size of an expression. The parser and the evaluator recurse for each operator, so the limit bounds their
/// stack. With 1 KiB, they need far less than a stack of 2 MiB; with 4 KiB, an expression such as `1+1+…` could come
/// close to that size.
const MAX_BYTES: usize = 1024;

/// The standard functions, built once because building them costs more than an evaluation.
static LIBRARY: LazyLock<Arc<cel::Env>> = LazyLock::new(|| Arc::new(cel::Env::stdlib()));

/// A parsed expression, cheap to clone. Two expressions are equal if their source texts are equal.
#[derive(Clone)]
pub struct Expression {
    source: String,
    program: Arc<Program>,
}

/// The values that an expression is evaluated over.
#[derive(Debug, Clone, Copy)]
pub struct Env<'a> {
    pub params: &'a Value,
    /// The states before the action, as one object by state name.
    pub pre: &'a Value,
    /// The states after the action, as one object by state name; `None` for a `before` expression.
    pub post: Option<&'a Value>,
}

/// An [`Env`] as CEL values, converted once for all expressions over it.
pub struct Scope(Result<cel::Context<'static, 'static>, String>);

impl Env<'_> {
    /// Converts the values to CEL. If a value cannot be converted, the evaluation of every expression fails.
    pub fn scope(&self) -> Scope {
        let mut context = match functions() {
            Ok(context) => context,
            Err(problem) => return Scope(Err(problem)),
        };
        let post = self.post.map(|post| ("post", post));
        for (name, root) in [("params", self.params), ("pre", self.pre)].into_iter().chain(post) {
            match value::of(root) {
                Ok(value) => context.add_variable_from_value(name, value),
                Err(problem) => return Scope(Err(problem)),
            }
        }
        Scope(Ok(context))
    }
}

/// A context without variables. Fails when the CEL library does not accept the function `dec`.
fn functions() -> Result<cel::Context<'static, 'static>, String> {
    let mut context = cel::Context::with_env(Arc::clone(&LIBRARY));
    context.add_function("dec", decimals::dec).map_err(|error| error.to_string())?;
    Ok(context)
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scope(…)")
    }
}

/// Why an expression is refused, and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}; {remedy}")]
pub struct ExpressionError {
    pub what: String,
    pub remedy: String,
}

impl Expression {
    /// Parses a CEL expression (google/cel-spec) of at most 1 KiB, which may use the standard macros, integers and
    /// known functions.
    ///
    /// Parsing takes milliseconds in the worst case, so parse a text once and keep the expression.
    ///
    /// # Errors
    ///
    /// Fails when the text is longer, is not CEL, or uses anything else.
    pub fn parse(source: &str) -> Result<Self, ExpressionError> {
        if source.len() > MAX_BYTES {
            let what = format!(
                "the expression has {} bytes; at most {MAX_BYTES} are allowed",
                source.len()
            );
            return Err(error(what, "split it into several expressions; all of them must hold"));
        }
        let program = compile(source)?;
        structure::check(program.expression())?;
        Ok(Self { source: source.to_owned(), program: Arc::new(program) })
    }

    /// The source text of the expression.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Checks that every path is declared, and that every optional path is guarded by `has()` where the path is used.
    ///
    /// State names always count as present. `post_allowed` is true for expressions that are evaluated after the action.
    ///
    /// # Errors
    ///
    /// Fails at the first path that is not declared or not guarded.
    pub fn check(
        &self,
        params: &Schema,
        state: &BTreeMap<String, Schema>,
        post_allowed: bool,
    ) -> Result<(), ExpressionError> {
        let roots = check::Roots { params, state, post_allowed, written: false, types: false };
        check::check(self.program.expression(), &roots)
    }

    /// Checks that no `has()` tests for a value that is always present, in an expression that passed
    /// [`Expression::check`].
    ///
    /// Use this check of `has()` tests only for contracts that are being written. The contracts of bundles and of
    /// running actions are exempt from this check, because they must remain valid.
    ///
    /// # Errors
    ///
    /// Fails at the first test for a value that is always present.
    pub fn check_tests(
        &self,
        params: &Schema,
        state: &BTreeMap<String, Schema>,
    ) -> Result<(), ExpressionError> {
        let roots = check::Roots { params, state, post_allowed: true, written: true, types: false };
        check::check(self.program.expression(), &roots)
    }

    /// Checks that no comparison has sides that never have the same type, in an expression that passed
    /// [`Expression::check`]. The result of such a comparison is the same for all values.
    ///
    /// Use this check only for contracts that are being written, as [`Expression::check_tests`].
    ///
    /// # Errors
    ///
    /// Fails at the first comparison of values that never have the same type.
    pub fn check_types(
        &self,
        params: &Schema,
        state: &BTreeMap<String, Schema>,
    ) -> Result<(), ExpressionError> {
        let roots = check::Roots { params, state, post_allowed: true, written: false, types: true };
        check::check(self.program.expression(), &roots)
    }

    /// The JSON pointers of the parts of the state before the action that the expression reads, relative to the whole
    /// state. The pointer of the whole state is empty. A comparison of a state with `null` reads no value.
    pub(crate) fn reads(&self) -> BTreeSet<String> {
        check::reads(self.program.expression())
    }

    /// The JSON pointers of the parts of the state after the action whose values the expression reads, relative to the
    /// whole state. `has()` and a comparison of a state with `null` read no value.
    pub(crate) fn compared(&self) -> BTreeSet<String> {
        check::compared(self.program.expression())
    }

    /// Checks that the expression refers to no variable except `answer`, and fails at the first other name.
    pub(crate) fn check_answer(&self) -> Result<(), ExpressionError> {
        answer::check(self.program.expression(), &[])
    }

    /// Evaluates an expression over `answer`. Fails as [`Expression::holds`] does.
    pub(crate) fn holds_of(&self, answer: &Value) -> Result<bool, String> {
        let mut context = functions()?;
        context.add_variable_from_value("answer", value::of(answer)?);
        self.holds(&Scope(Ok(context)))
    }

    /// Evaluates the expression.
    ///
    /// # Errors
    ///
    /// Fails when the evaluation fails or the result is not a boolean.
    pub fn holds(&self, scope: &Scope) -> Result<bool, String> {
        let context = scope.0.as_ref().map_err(Clone::clone)?;
        // The evaluator is third-party code that runs on text from contracts, so a panic in the evaluator is returned
        // as an error.
        let result = catch_unwind(AssertUnwindSafe(|| self.program.execute(context)));
        match result {
            Ok(Ok(cel::Value::Bool(holds))) => Ok(holds),
            Ok(Ok(other)) => Err(format!("the result is {}, not true or false", other.type_of())),
            Ok(Err(error)) => Err(shorten(&error.to_string())),
            Err(_panic) => Err("the evaluator failed; please report the expression".into()),
        }
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.source).finish()
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

/// Serialises an expression as its source text.
impl Serialize for Expression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let source = String::deserialize(deserializer)?;
        Self::parse(&source).map_err(serde::de::Error::custom)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Expression {}

fn compile(source: &str) -> Result<Program, ExpressionError> {
    const REMEDY: &str =
        "write one CEL expression, such as `has(pre.user.active) && !pre.user.active`";
    // The parser is generated code with a third-party runtime, so a panic in the parser is returned as an error.
    match catch_unwind(|| Program::compile(source)) {
        Ok(Ok(program)) => Ok(program),
        Ok(Err(errors)) => {
            let first = errors.errors.first();
            let what = first.map_or_else(
                || "the expression is not CEL".into(),
                |one| format!("line {}, column {}: {}", one.pos.0, one.pos.1, shorten(&one.msg)),
            );
            Err(error(what, REMEDY))
        }
        Err(_panic) => Err(error("the parser failed on the expression".into(), REMEDY)),
    }
}

fn error(what: String, remedy: &str) -> ExpressionError {
    ExpressionError { what, remedy: remedy.into() }
}

fn shorten(text: &str) -> String {
    text.chars()
        .take(200)
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect()
}

#[cfg(test)]
mod tests;
