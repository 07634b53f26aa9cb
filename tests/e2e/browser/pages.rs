//! Every page in every state: no violation of its policy, no request to another site, nothing wider than the screen of a
//! phone, no barrier, and text without scripts.

use std::time::Duration;
use std::{fmt::Write as _, thread};

use deed_tests::services::chromium::{DESK, PHONE, Scheme};
use serde_json::json;

use super::scenes::{self, Scene};
use super::{Visitor, axe};

const VIEWS: [(Scheme, (u32, u32)); 4] =
    [(Scheme::Light, PHONE), (Scheme::Light, DESK), (Scheme::Dark, PHONE), (Scheme::Dark, DESK)];

/// Checks a page in both colour schemes, on a phone and on a desk, with every part opened.
pub(super) fn check(visitor: &Visitor, path: &str, axe: Option<&str>) {
    for (scheme, size) in VIEWS {
        visitor.prefers(scheme).unwrap();
        visitor.size(size).unwrap();
        visitor.open(path);
        visitor.open_all().unwrap();
        let place = format!("{path} {scheme:?} {size:?}");
        assert_eq!(visitor.overflow().unwrap(), 0, "{place} is as wide as its window");
        let broken = axe.map(|axe| axe::broken(visitor, axe)).unwrap_or_default();
        assert!(broken.is_empty(), "{place}: {broken:#?}");
        visitor.is_clean(&place);
    }
}

fn check_all(scene: &Scene) {
    let axe = axe::source();
    let visitor = Visitor::bob(&scene.world);
    for path in scene.pages() {
        check(&visitor, &path, axe.as_deref());
    }
}

#[test]
#[ignore = "needs chromium; run `make browser`"]
fn pages_before_signing_in_have_no_fault_and_no_barrier() {
    let scene = scenes::typical();
    let (visitor, axe) = (Visitor::of(&scene.world), axe::source());
    check(&visitor, "/passkeys/new", axe.as_deref());
    check(&visitor, "/sign-in?next=%2Factions", axe.as_deref());
    visitor.submit("bob", "deed_wrong");
    visitor.wait_for("[role=alert]").unwrap();
    let broken = axe.map(|axe| axe::broken(&visitor, &axe)).unwrap_or_default();
    assert!(broken.is_empty(), "{broken:#?}");
    visitor.is_clean("the refusal");
}

#[test]
#[ignore = "needs chromium; run `make browser`"]
fn pages_with_typical_data_have_no_fault_and_no_barrier() {
    check_all(&scenes::typical());
}

#[test]
#[ignore = "needs chromium; run `make browser`"]
fn pages_with_long_and_hostile_texts_have_no_fault_and_no_barrier() {
    check_all(&scenes::overfull());
}

/// What the pages say does not depend on scripts: each has its headings and parts, and its links work.
#[test]
#[ignore = "needs chromium; run `make browser`"]
fn every_page_can_be_read_without_scripts() {
    let scene = scenes::typical();
    let visitor = Visitor::of(&scene.world);
    visitor.scripts(false).unwrap();
    visitor.enter("bob", deed_tests::world::BOB);
    for path in scene.pages() {
        visitor.open(&path);
        assert!(visitor.find("main h1").unwrap().is_displayed().unwrap(), "{path}");
        assert!(visitor.find("main").unwrap().text().unwrap().len() > 100, "{path}");
        for heading in visitor.find_all("main h2").unwrap() {
            assert!(heading.is_displayed().unwrap(), "{path}: {:?}", heading.text());
        }
    }
    visitor.open("/");
    visitor.find("#mine a").unwrap().click().unwrap();
    visitor.wait_for("#asked").unwrap();
    visitor.find(".reader form button").unwrap().click().unwrap();
    visitor.wait_for("#token").unwrap();
}

/// The checks of this module can fail.
#[test]
#[ignore = "needs chromium; run `make browser`"]
fn the_checks_find_what_they_look_for() {
    let scene = scenes::typical();
    let visitor = Visitor::bob(&scene.world);
    visitor.size(PHONE).unwrap();
    visitor.open("/health");
    visitor.is_clean("before");
    let plant = "
        const main = document.querySelector('main');
        const wide = document.createElement('p');
        wide.textContent = 'wide';
        wide.style.width = '3000px';
        const image = document.createElement('img');
        image.src = 'http://elsewhere.example/';
        main.append(wide, document.createElement('input'), image);";
    visitor.execute(plant, &json!([])).unwrap();
    assert!(visitor.overflow().unwrap() > 1000);
    if let Some(axe) = axe::source() {
        let broken = axe::broken(&visitor, &axe);
        let breaks = |rule: &str| broken.iter().any(|one| one.starts_with(rule));
        assert!(breaks("label:") && breaks("image-alt:"), "{broken:#?}");
    }
    let mut said = String::new();
    for _ in 0..200 {
        for entry in visitor.log().unwrap() {
            write!(said, "{} ", entry.message).unwrap();
        }
        if said.contains("Content Security Policy") {
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    assert!(said.contains("elsewhere.example"), "{said}");
    let requests = visitor.requests().unwrap();
    assert!(requests.iter().any(|url| url == "http://elsewhere.example/"), "{requests:?}");
}
