//! The values of answers that the requests of an attempt contain. Each error is the end of a sentence that begins with
//! the request.

use crate::action::private::Prepared;
use crate::exchange::Rendered;
use crate::lifecycle::observation::answers::{Answers, PATH_MAX};

/// Checks that the values of answers that a request needs are known.
pub(super) fn ready(answers: &Answers, request: &Rendered) -> Result<(), String> {
    match request.needs().iter().find(|path| answers.value(path).is_none()) {
        Some(path) => {
            let why = answers.why_unknown(path);
            Err(format!("needs `answer.{path}`, which is not known: {why}"))
        }
        None => Ok(()),
    }
}

/// A request with the values of answers.
pub(super) fn filled(answers: &Answers, request: &Prepared) -> Result<Prepared, String> {
    let filled = request.with_answer_values(|path| answers.value(path));
    let filled = filled.map_err(|error| format!("cannot be sent: {error}"))?;
    if let Some(path) = filled.needs().first() {
        return Err(format!("needs `answer.{path}`, which is not known"));
    }
    if request.public.awaits_answer() && filled.public.path.len() > PATH_MAX {
        return Err(format!(
            "cannot be sent: with the values of answers, its path has more than {PATH_MAX} bytes"
        ));
    }
    Ok(filled)
}
