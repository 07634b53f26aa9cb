use std::ffi::OsStr;

use super::contents::Contents;
use super::entries::Entries;
use super::image::{Body, Image, ROOT, Refusal};
use super::{Manner, cut};
use crate::rng::Rng;

fn name(text: &str) -> &OsStr {
    OsStr::new(text)
}

fn file(image: &mut Image, folder: u64, called: &str) -> u64 {
    image.make(folder, name(called), 0o600, Body::File(Contents::default())).unwrap()
}

fn bare(image: &Image) -> Vec<(String, Vec<u8>)> {
    image.cut(Manner::Bare, &mut Rng::new(1)).files().into_iter().collect()
}

fn one(called: &str, bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    vec![(called.to_owned(), bytes.to_vec())]
}

#[test]
fn a_file_is_there_once_its_folder_was_synced_and_its_bytes_once_it_was() {
    let mut image = Image::default();
    let a = file(&mut image, ROOT, "a");
    image.write(a, 0, b"one").unwrap();
    image.sync(a).unwrap();
    assert_eq!(bare(&image), []);
    image.sync(ROOT).unwrap();
    assert_eq!(bare(&image), one("a", b"one"));
    image.write(a, 3, b" two").unwrap();
    assert_eq!(bare(&image), one("a", b"one"));
    assert_eq!(image.files()["a"], b"one two");
    image.sync(a).unwrap();
    assert_eq!(bare(&image), one("a", b"one two"));
    image.set_length(a, 2).unwrap();
    assert_eq!(bare(&image), one("a", b"one two"));
    image.sync(a).unwrap();
    assert_eq!(bare(&image), one("a", b"on"));
}

#[test]
fn the_folder_keeps_a_name_whose_bytes_are_lost() {
    let mut image = Image::default();
    let a = file(&mut image, ROOT, "a");
    image.write(a, 0, b"one").unwrap();
    image.sync(ROOT).unwrap();
    assert_eq!(bare(&image), one("a", b""));
}

#[test]
fn a_rename_is_one_change_and_needs_its_folder() {
    let mut image = Image::default();
    for (called, bytes) in [("new", b"new"), ("old", b"old")] {
        let number = file(&mut image, ROOT, called);
        image.write(number, 0, bytes).unwrap();
        image.sync(number).unwrap();
    }
    image.sync(ROOT).unwrap();
    image.rename((ROOT, name("new")), (ROOT, name("old"))).unwrap();
    assert_eq!(image.files().into_iter().collect::<Vec<_>>(), one("old", b"new"));
    assert_eq!(bare(&image).len(), 2);
    for seed in 0..200 {
        let manner = Manner::ALL[usize::try_from(seed % 4).unwrap()];
        let left = image.cut(manner, &mut Rng::new(seed)).files();
        let whole = left.len() == 2 && left["old"] == b"old" && left["new"] == b"new";
        assert!(whole || left.len() == 1 && left["old"] == b"new", "{left:?}");
    }
    image.sync(ROOT).unwrap();
    assert_eq!(bare(&image), one("old", b"new"));
}

#[test]
fn a_folder_needs_its_own_name_and_every_name_below() {
    let mut image = Image::default();
    let below = image.make(ROOT, name("d"), 0o700, Body::Folder(Entries::default())).unwrap();
    let a = file(&mut image, below, "a");
    image.sync(a).unwrap();
    image.sync(below).unwrap();
    assert_eq!(bare(&image), []);
    image.sync(ROOT).unwrap();
    assert_eq!(bare(&image), one("d/a", b""));
    assert_eq!(image.remove(ROOT, name("d"), true), Err(Refusal::NotEmpty));
    image.remove(below, name("a"), false).unwrap();
    image.remove(ROOT, name("d"), true).unwrap();
    assert_eq!(bare(&image), one("d/a", b""));
}

/// A power cut of a disk that reorders writes (`Manner::Mixed`) can leave holes, torn beginnings or torn ends of two
/// unsynced writes, or both writes complete.
#[test]
fn a_mixed_cut_leaves_every_mixture_and_never_touches_what_is_durable() {
    let mut image = Image::default();
    let a = file(&mut image, ROOT, "a");
    image.write(a, 0, b"####").unwrap();
    image.sync(a).unwrap();
    image.sync(ROOT).unwrap();
    image.write(a, 4, b"ab").unwrap();
    image.write(a, 6, b"cd").unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..2_000 {
        let left = image.cut(Manner::Mixed, &mut Rng::new(seed)).files();
        assert!(left["a"].starts_with(b"####"), "{left:?}");
        seen.insert(left["a"][4..].to_vec());
    }
    let wanted: [&[u8]; 7] = [b"", b"a", b"ab", b"abc", b"abcd", b"\0\0cd", b"\0b\0d"];
    for bytes in wanted {
        assert!(seen.contains(bytes), "never left {bytes:?}: {seen:?}");
    }
}

#[test]
fn an_ordered_cut_keeps_a_beginning() {
    let mut image = Image::default();
    let a = file(&mut image, ROOT, "a");
    image.sync(ROOT).unwrap();
    for at in 0..20_u8 {
        image.write(a, u64::from(at) * 2, &[at + 1, at + 1]).unwrap();
    }
    let whole = image.files()["a"].clone();
    let mut lengths = std::collections::BTreeSet::new();
    for seed in 0..500 {
        let left = image.cut(Manner::Ordered, &mut Rng::new(seed)).files()["a"].clone();
        assert!(whole.starts_with(&left), "{left:?}");
        lengths.insert(left.len());
    }
    assert!(lengths.len() > 30, "{lengths:?}");
}

#[test]
fn what_a_failed_fsync_had_to_write_is_not_written_by_the_next_one() {
    let mut image = Image::default();
    let a = file(&mut image, ROOT, "a");
    image.sync(ROOT).unwrap();
    image.write(a, 0, b"ab").unwrap();
    image.sync_in_vain(a).unwrap();
    image.write(a, 2, b"cd").unwrap();
    image.sync(a).unwrap();
    assert_eq!(image.files()["a"], b"abcd");
    assert_eq!(bare(&image), one("a", b"\0\0cd"));
}

#[test]
fn the_same_seed_leaves_the_same() {
    let mut image = Image::default();
    for called in ["a", "b", "c"] {
        let number = file(&mut image, ROOT, called);
        image.write(number, 0, called.as_bytes()).unwrap();
    }
    for manner in Manner::ALL {
        let left = |seed| image.cut(manner, &mut Rng::new(seed)).files();
        assert!((0..50).all(|seed| left(seed) == left(seed)));
    }
    let any: std::collections::BTreeSet<_> =
        (0..99).map(|seed| format!("{:?}", cut::Manner::any(&mut Rng::new(seed)))).collect();
    assert_eq!(any.len(), 4);
}

#[test]
fn new_numbers_change_no_file() {
    let mut image = Image::default();
    let below = image.make(ROOT, name("d"), 0o700, Body::Folder(Entries::default())).unwrap();
    let a = file(&mut image, below, "a");
    image.write(a, 0, b"one").unwrap();
    image.settle("d");
    image.sync(ROOT).unwrap();
    let before = (image.files(), bare(&image));
    image.renumber(1_000);
    assert_eq!((image.files(), bare(&image)), before);
    assert_eq!(image.find(ROOT, name("d")), Ok(1_000));
    assert_eq!(file(&mut image, ROOT, "b"), 1_003);
    assert_eq!(image.path(1_001).as_deref(), Some("d/a"));
}
