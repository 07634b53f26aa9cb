//! The pictures of the pages in `docs/console/`. `make screenshots` writes them; the test checks that each page can be
//! photographed, and that the folder has these pictures and no others.
//!
//! Ids, digests, times and ports differ in each run, and the host cannot be told to repeat them. So the driver replaces
//! them in the page before it takes a picture.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use deed_test_support::shared::scim;
use deed_tests::services::chromium::{PHONE, Scheme};
use deed_tests::services::workspace;
use deed_tests::world::{BOB, World};
use serde_json::json;

use super::passkeys::{bob, page, served};
use super::{Visitor, scenes};

/// A window in which a picture of text has less than 80 KB.
const WINDOW: (u32, u32) = (880, 540);
const SMALL: usize = 80_000;
const AT_MOST: usize = 24;

/// Replaces what differs between two runs, in the texts and the values of the page.
const MASK: &str = r"
    const masks = [
        [/act_[0-9a-v]{26}/g, 'act_06h2p36b3rqc8rro24h66ouurk'],
        [/[0-9a-f]{64}/g, '0123456789abcdef'.repeat(4)],
        [/\b[0-9a-f]{32}\b/g, '0123456789abcdef'.repeat(2)],
        [/\b[A-Za-z0-9+\/]{43}=/g, 'A'.repeat(43) + '='],
        [/\d{4}-\d\d-\d\d(?<gap>[ T])\d\d:\d\d:\d\d/g, '2026-01-02$<gap>09:30:00'],
        [/\b\d+ (s|min|h)\b/g, '5 $1'],
        [/(localhost|127\.0\.0\.1):\d+/g, '$1:7117'],
        [/-\d+@example\.com/g, '-1@example.com'],
    ];
    const masked = text => masks.reduce((now, [from, to]) => now.replace(from, to), text);
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const node = walk.currentNode;
        if (node.parentElement.tagName !== 'SCRIPT') node.data = masked(node.data);
    }
    document.activeElement.blur();";

#[derive(Debug, Clone, Copy)]
enum View {
    Light,
    Dark,
    Phone,
}

use View::{Dark, Light, Phone};

/// The pictures that were taken.
struct Album {
    folder: Option<PathBuf>,
    names: BTreeSet<String>,
}

impl Album {
    fn take(&mut self, visitor: &Visitor, name: &str, path: &str, views: &[View]) {
        for view in views {
            let scheme = if matches!(view, Dark) { Scheme::Dark } else { Scheme::Light };
            visitor.prefers(scheme).unwrap();
            visitor.size(if matches!(view, Phone) { PHONE } else { WINDOW }).unwrap();
            visitor.open(path);
            visitor.execute(MASK, &json!([])).unwrap();
            let picture = visitor.picture().unwrap();
            let name = format!("{name}-{view:?}.png").to_lowercase();
            assert!(picture.starts_with(b"\x89PNG"), "{name}");
            assert!(picture.len() <= SMALL, "{name} has {} bytes", picture.len());
            if let Some(folder) = &self.folder {
                fs::write(folder.join(&name), picture).unwrap();
            }
            self.names.insert(name);
        }
    }

    fn empty(&mut self) {
        let world = World::start(scim()).unwrap();
        let visitor = Visitor::of(&world);
        self.take(&visitor, "sign-in", "/sign-in", &[Light, Dark, Phone]);
        visitor.enter("bob", BOB);
        self.take(&visitor, "inbox-empty", "/", &[Light]);
    }

    fn typical(&mut self) {
        let scene = scenes::typical();
        let visitor = Visitor::bob(&scene.world);
        let action = |place: usize| format!("/actions/{}", scene.actions[place]);
        self.take(&visitor, "inbox", "/", &[Light, Dark, Phone]);
        self.take(&visitor, "actions", "/actions", &[Light, Phone]);
        self.take(&visitor, "action-waiting", &action(0), &[Light, Dark, Phone]);
        self.take(&visitor, "action-verified", &action(1), &[Light]);
        self.take(&visitor, "action-denied", &action(2), &[Dark]);
        self.take(&visitor, "action-open", &action(6), &[Light]);
        self.take(&visitor, "agents", "/agents", &[Light]);
        self.take(&visitor, "policies", "/policies", &[Dark]);
        self.take(&visitor, "health", "/health", &[Light, Phone]);
    }

    fn answer(&mut self) {
        let world = served();
        let place = format!("{}#answering", page(&scenes::waiting(&world)));
        self.take(&bob().visits(&world), "action-answer", &place, &[Light, Phone]);
    }

    fn overfull(&mut self) {
        let scene = scenes::overfull();
        let visitor = Visitor::bob(&scene.world);
        let last = scene.actions.last().unwrap();
        self.take(&visitor, "inbox-overfull", "/", &[Light, Phone]);
        self.take(&visitor, "action-overfull", &format!("/actions/{last}#from-agent"), &[Light]);
    }
}

#[test]
#[ignore = "needs chromium; run `make browser`"]
fn every_page_has_its_picture() {
    let folder = std::env::var_os("SCREENSHOTS").map(PathBuf::from);
    let mut album = Album { folder, names: BTreeSet::new() };
    album.empty();
    album.typical();
    album.answer();
    album.overfull();
    assert!(album.names.len() <= AT_MOST, "{:?}", album.names);
    let files = fs::read_dir(workspace().join("docs/console")).unwrap();
    let kept: BTreeSet<String> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(album.names, kept, "run `make screenshots`, and remove pictures that are no more");
}
