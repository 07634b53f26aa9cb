//! The requests of a test, each with the recorded answer to it, for `deed adapter test`.
//!
//! The states need no `from`, because an adapter may read them. The outcome is not judged.

use deed_record::action::Rendering;
use deed_record::exchange::{Exchange, NoValue, Rendered};
use deed_record::lifecycle::observation::answers::Answers;

use super::{ContractTest, ContractTestError, RecordedAnswer};

/// The requests of a test in the order of the case.
#[derive(Debug)]
pub struct Script<'a> {
    pub before: Vec<Scripted<'a>>,
    /// Reads of `perform`.
    pub reads: Vec<Scripted<'a>>,
    pub writes: Vec<Scripted<'a>>,
    pub after: Vec<Scripted<'a>>,
}

/// A request and the answer to it.
#[derive(Debug)]
pub struct Scripted<'a> {
    /// The request with all values, for an action with the id [`super::example`].
    pub request: Rendered,
    pub answer: &'a RecordedAnswer,
}

impl<'a> ContractTest<'a> {
    /// The requests of the test. `reads` has the answers to reads of `perform`.
    ///
    /// # Errors
    ///
    /// Fails when the test is not valid.
    pub fn script(&self, reads: &'a [RecordedAnswer]) -> Result<Script<'a>, ContractTestError> {
        let (_, Rendering { observe, perform, .. }) = self.render()?;
        let pre = self.look(self.before, &Answers::default().asked(&observe))?;
        let state = pre.value();
        let read = |answer: &'a RecordedAnswer| -> Result<Scripted<'a>, ContractTestError> {
            let request = self.read_of(&perform, answer)?.with_state(&state)?;
            Ok(Scripted { request, answer })
        };
        let reads = reads.iter().map(read).collect::<Result<Vec<_>, ContractTestError>>()?;
        let before = scripted(pre.exchanges, self.before);
        // The state may lack the values that the writes need, if no write is expected.
        if self.writes.is_empty() && self.after.is_empty() {
            return Ok(Script { before, reads, writes: vec![], after: vec![] });
        }
        let filled: Result<Vec<Rendered>, NoValue> =
            perform.iter().map(|rule| rule.with_state(&state)).collect();
        let (_, sent) = self.performed(&filled?)?;
        let exchanges: Vec<&Exchange> = sent.iter().collect();
        let answers = Answers::of(self.contract, &perform, &exchanges);
        let post = self.look(self.after, &answers.asked(&observe))?;
        let after = scripted(post.exchanges, self.after);
        Ok(Script { before, reads, writes: scripted(sent, self.writes), after })
    }

    /// The read of `perform` that the answer names.
    fn read_of(
        &self,
        perform: &[Rendered],
        answer: &RecordedAnswer,
    ) -> Result<Rendered, ContractTestError> {
        let rules = self.contract.perform.http.iter().zip(perform);
        let mut named = rules.filter(|(rule, _)| rule.request == answer.request);
        let (_, request) =
            named.next().ok_or_else(|| ContractTestError::Request(answer.request.clone()))?;
        if request.writes {
            return Err(ContractTestError::NotRead(answer.request.clone()));
        }
        Ok(request.clone())
    }
}

fn scripted(exchanges: Vec<Exchange>, answers: &[RecordedAnswer]) -> Vec<Scripted<'_>> {
    let pairs = exchanges.into_iter().zip(answers);
    pairs.map(|(one, answer)| Scripted { request: one.request, answer }).collect()
}
