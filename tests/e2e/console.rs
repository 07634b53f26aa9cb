//! Tests of the console: signing in and out, what its pages show, its search, answers by passkey, and the form that
//! changes an action.

mod answers;
mod credentials;
mod edits;
mod ended;
mod pages;
mod proxied;
mod search;
mod sessions;
mod states;

use deed_tests::browser::{Browser, Page};
use deed_tests::world::World;

/// The pages of the navigation.
const PAGES: [&str; 5] = ["/", "/actions", "/agents", "/policies", "/health"];

/// A browser in which this person is signed in.
fn browser(world: &World, name: &str, token: &str) -> Browser {
    Browser::signed_in(world.url(), name, token).unwrap()
}

/// A page that the person may read.
fn page(browser: &mut Browser, path: &str) -> Page {
    let page = browser.get(path).unwrap();
    assert_eq!(page.status, 200, "{path}: {page:?}");
    page
}

/// The part of a page that has this id.
fn section<'a>(page: &'a Page, id: &str) -> &'a str {
    let start = format!("<section id=\"{id}\"");
    assert!(page.html.contains(&start), "no {id}: {page:?}");
    let (_, rest) = page.html.split_once(&start).unwrap();
    rest.split("</section>").next().unwrap()
}

/// Whether a page leads to the page for signing in.
fn leads_to_sign_in(page: &Page) -> bool {
    page.status == 303 && page.header("location").unwrap().starts_with("/sign-in")
}
