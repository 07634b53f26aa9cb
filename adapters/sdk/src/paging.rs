//! Reads a list over several pages. Each page is a request of the contract, so a walk has at most as many pages as the
//! contract has rules, and ends with an error if the list might be longer.

use serde_json::Value;

use crate::http::{self, Response};
use crate::{Failure, Request};

/// Reads numbered pages in their order, until a page has fewer than `size` elements, and returns the elements of the
/// list at the JSON pointer `members` of each page.
///
/// Let the contract have one page more than the list needs: a list that ends with a full page is complete only if the
/// next page is empty.
///
/// ```no_run
/// use deed_adapter_sdk::{Action, Failure, paging, requests};
/// use serde_json::Value;
///
/// fn users(action: &Action) -> Result<Vec<Value>, Failure> {
///     paging::numbered(&requests::matching(action, "GET", "/Users"), "/Resources", 500)
/// }
/// ```
///
/// # Errors
///
/// Fails when a page is not answered with 2xx or has no list at `members`, and with [`Failure::Invalid`] when the last
/// page of the contract is full.
pub fn numbered(pages: &[&Request], members: &str, size: usize) -> Result<Vec<Value>, Failure> {
    numbered_by(pages, members, size, &mut send)
}

/// Reads pages that each name the next page at the JSON pointer `next`, beginning with the first of `pages`. The next
/// page must be one of `pages`, and each page is read once. The value at `next` is the path of the page, or a URL that
/// ends with this path. The list ends with a page that has no text there.
///
/// ```no_run
/// use deed_adapter_sdk::{Action, Failure, paging, requests};
/// use serde_json::Value;
///
/// fn issues(action: &Action) -> Result<Vec<Value>, Failure> {
///     paging::linked(&requests::matching(action, "GET", "/issues"), "/items", "/next")
/// }
/// ```
///
/// # Errors
///
/// Fails when a page is not answered with 2xx or has no list at `members`, and with [`Failure::Invalid`] when the next
/// page is none of `pages` or was already read.
pub fn linked(pages: &[&Request], members: &str, next: &str) -> Result<Vec<Value>, Failure> {
    linked_by(pages, members, next, &mut send)
}

type Sender<'s> = &'s mut dyn FnMut(&Request) -> Result<Response, Failure>;

fn send(page: &Request) -> Result<Response, Failure> {
    http::send_request(page)?.accepted()
}

fn numbered_by(
    pages: &[&Request],
    members: &str,
    size: usize,
    send: Sender<'_>,
) -> Result<Vec<Value>, Failure> {
    let mut found = Vec::new();
    for page in pages {
        let answer = send(page)?;
        let mut new = elements(page, answer.body, members)?;
        let is_last = new.len() < size;
        found.append(&mut new);
        if is_last {
            return Ok(found);
        }
    }
    Err(Failure::Invalid(format!(
        "the list goes on after {} pages of {size} elements, or has exactly as many; add a rule for the next page",
        pages.len()
    )))
}

fn linked_by(
    pages: &[&Request],
    members: &str,
    next: &str,
    send: Sender<'_>,
) -> Result<Vec<Value>, Failure> {
    let mut left = pages.to_vec();
    if left.is_empty() {
        return Err(Failure::Invalid("the contract has no request for the first page".to_owned()));
    }
    let (mut page, mut found) = (left.remove(0), Vec::new());
    loop {
        let answer = send(page)?;
        let link = answer.body.pointer(next).and_then(Value::as_str).map(str::to_owned);
        found.append(&mut elements(page, answer.body, members)?);
        let Some(link) = link.filter(|link| !link.is_empty()) else { return Ok(found) };
        page = take(&mut left, &link).ok_or_else(|| unknown(page, &link))?;
    }
}

/// Removes the page to which a link leads: of all pages with whose path the link ends, the one with the longest path.
fn take<'a>(left: &mut Vec<&'a Request>, link: &str) -> Option<&'a Request> {
    let ends = left.iter().enumerate().filter(|(_, page)| link.ends_with(page.path.as_str()));
    let (at, _) = ends.max_by_key(|(_, page)| page.path.len())?;
    Some(left.remove(at))
}

fn unknown(page: &Request, link: &str) -> Failure {
    // The link is a text of the upstream, which may be of any length.
    let link: String = link.chars().take(200).collect();
    Failure::Invalid(format!(
        "`{} {}` links to the next page `{link}`, but the contract has no such request, or the page was already \
         read; add a rule for this page",
        page.method, page.path
    ))
}

fn elements(page: &Request, mut body: Value, members: &str) -> Result<Vec<Value>, Failure> {
    match body.pointer_mut(members).map(Value::take) {
        Some(Value::Array(elements)) => Ok(elements),
        _ => Err(Failure::Unavailable(format!(
            "the answer to `{} {}` has no list at `{members}`",
            page.method, page.path
        ))),
    }
}

#[cfg(test)]
mod tests;
