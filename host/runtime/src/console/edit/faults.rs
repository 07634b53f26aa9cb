//! Why a changed version was not proposed, with the fields that caused it.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use deed_spec::json;

use crate::api::problem::{Body, Place, Problem};

/// A problem of the API as the form shows it.
#[derive(Debug)]
pub(super) struct Faults {
    pub(super) status: StatusCode,
    retry_after: Option<u64>,
    pub(super) detail: String,
    places: Vec<Place>,
}

impl From<Problem> for Faults {
    fn from(problem: Problem) -> Self {
        let (status, retry_after) = (problem.status(), problem.retry_after());
        let Body { detail, errors, .. } = problem.into_body();
        Self { status, retry_after, detail, places: errors }
    }
}

impl Faults {
    /// What is wrong with the field for the part of the draft at this pointer.
    pub(super) fn of(&self, pointer: &str) -> Option<String> {
        let own = self.places.iter().filter(|place| json::covers(pointer, &place.pointer));
        let one = |place: &Place| match place.pointer.strip_prefix(pointer) {
            None | Some("") => place.reason.clone(),
            Some(inner) => format!("at {inner}: {}", place.reason),
        };
        let all: Vec<String> = own.map(one).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }

    /// What is wrong elsewhere than in the fields for these pointers.
    pub(super) fn elsewhere(&self, pointers: &[String]) -> Vec<String> {
        let is_other =
            |place: &&Place| !pointers.iter().any(|one| json::covers(one, &place.pointer));
        let one = |place: &Place| format!("{}: {}", place.pointer, place.reason);
        self.places.iter().filter(is_other).map(one).collect()
    }

    /// Adds what the headers of an answer say of the problem.
    pub(super) fn mark(&self, response: &mut Response) {
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
    }
}

#[cfg(test)]
mod tests {
    use deed_record::contract::schema::Violation;

    use super::*;

    #[test]
    fn a_fault_belongs_to_the_field_that_its_pointer_leads_to() {
        let one = |pointer: &str| Violation {
            pointer: pointer.to_owned(),
            reason: "is wrong".to_owned(),
        };
        let faults = ["/params/a", "/params/list/0", "/params/ab", "/sources/1/uri", "/params"];
        let faults: Faults = Problem::fields(faults.map(one).into()).into();
        assert_eq!(faults.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(faults.of("/params/a").as_deref(), Some("is wrong"));
        assert_eq!(faults.of("/params/list").as_deref(), Some("at /0: is wrong"));
        assert_eq!(faults.of("/sources").as_deref(), Some("at /1/uri: is wrong"));
        assert_eq!(faults.of("/intent"), None);
        let known = ["/params/a", "/params/list", "/sources"].map(str::to_owned);
        assert_eq!(faults.elsewhere(&known), ["/params/ab: is wrong", "/params: is wrong"]);
    }
}
