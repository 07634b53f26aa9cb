use serde_json::json;

use super::*;
use crate::tests::request;

fn pages(count: usize) -> Vec<Request> {
    (1..=count).map(|n| request("GET", &format!("/list?page={n}"), None)).collect()
}

/// Answers each page with the body that the function returns for its path, and counts the pages.
fn walk(
    pages: &[Request],
    body: impl Fn(&str) -> Value,
    by: impl Fn(&[&Request], Sender<'_>) -> Result<Vec<Value>, Failure>,
) -> (Result<Vec<Value>, Failure>, Vec<String>) {
    let mut read = Vec::new();
    let listed: Vec<&Request> = pages.iter().collect();
    let result = by(&listed, &mut |page: &Request| {
        read.push(page.path.clone());
        let body = body(&page.path);
        Ok(Response { method: "GET".into(), exchange: 0, status: 200, headers: vec![], body })
    });
    (result, read)
}

fn by_number(pages: &[&Request], send: Sender<'_>) -> Result<Vec<Value>, Failure> {
    numbered_by(pages, "/items", 2, send)
}

fn by_link(pages: &[&Request], send: Sender<'_>) -> Result<Vec<Value>, Failure> {
    linked_by(pages, "/items", "/next", send)
}

#[test]
fn a_short_page_is_the_last_one() {
    let body = |path: &str| match path {
        "/list?page=1" => json!({"items": [1, 2]}),
        "/list?page=2" => json!({"items": [3]}),
        _ => json!({"items": [4]}),
    };
    let (found, read) = walk(&pages(3), body, by_number);
    assert_eq!((found, read.len()), (Ok(vec![json!(1), json!(2), json!(3)]), 2));
}

#[test]
fn a_list_that_ends_with_a_full_page_needs_an_empty_page() {
    let body = |path: &str| match path {
        "/list?page=3" => json!({"items": []}),
        _ => json!({"items": [1, 2]}),
    };
    assert_eq!(walk(&pages(3), body, by_number).0.map(|found| found.len()), Ok(4));
    let Err(Failure::Invalid(why)) = walk(&pages(2), body, by_number).0 else { unreachable!() };
    assert!(why.contains("after 2 pages of 2 elements"), "{why}");
    assert!(matches!(walk(&[], body, by_number).0, Err(Failure::Invalid(_))));
}

#[test]
fn an_answer_without_a_list_is_no_page() {
    for body in [json!({}), json!({"items": {}}), json!(null), json!([1])] {
        for by in [by_number, by_link] {
            let failed = walk(&pages(1), |_| body.clone(), by).0;
            assert!(matches!(failed, Err(Failure::Unavailable(_))), "{body}");
        }
    }
    let (found, _) = walk(&pages(1), |_| json!([1]), |pages, send| numbered_by(pages, "", 2, send));
    assert_eq!(found, Ok(vec![json!(1)]));
}

#[test]
fn links_lead_from_page_to_page() {
    let all = [
        request("GET", "/list", None),
        request("GET", "/list?page=b", None),
        request("GET", "/more/list?page=b", None),
    ];
    let body = |path: &str| match path {
        "/list" => json!({"items": [1], "next": "https://api.example.com/v1/more/list?page=b"}),
        "/more/list?page=b" => json!({"items": [2], "next": "/list?page=b"}),
        _ => json!({"items": [3], "next": null}),
    };
    let (found, read) = walk(&all, body, by_link);
    assert_eq!(found, Ok(vec![json!(1), json!(2), json!(3)]));
    assert_eq!(read, ["/list", "/more/list?page=b", "/list?page=b"]);
}

#[test]
fn a_link_cannot_lead_elsewhere_or_back() {
    let next = |link: &'static str| move |_: &str| json!({"items": [1], "next": link});
    for link in ["/other", "https://api.example.com/", "/list?page=1", "list?page=2 "] {
        let (refused, read) = walk(&pages(2), next(link), by_link);
        let Err(Failure::Invalid(why)) = refused else { unreachable!("{link}") };
        assert!(why.contains(&format!("`{link}`")), "{why}");
        assert_eq!(read.len(), 1, "{link}");
    }
    let (refused, read) = walk(&pages(2), next("/list?page=2"), by_link);
    assert!(matches!(refused, Err(Failure::Invalid(_))));
    assert_eq!(read.len(), 2, "each page is read once");
}
