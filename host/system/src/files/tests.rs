use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use super::*;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("deed-files-{name}-{}", std::process::id()));
        fs::remove_dir_all(&dir).unwrap_or_default();
        fs::create_dir_all(dir.join("in/sub")).unwrap();
        fs::write(dir.join("outside"), "outside").unwrap();
        fs::write(dir.join("in/plain"), "plain").unwrap();
        Self(dir)
    }

    fn files(&self) -> Files {
        Files::open(&self.0.join("in")).unwrap()
    }

    fn link(&self, to: &str, at: &str) {
        symlink(to, self.0.join("in").join(at)).unwrap();
    }

    fn mode(&self, path: &str, mode: u32) {
        let path = self.0.join("in").join(path);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

#[test]
fn links_lead_around_inside_and_never_out() {
    let folder = Folder::new("links");
    folder.link("plain", "inner");
    folder.link("../plain", "sub/up");
    folder.link("../outside", "out");
    folder.link(folder.0.join("outside").to_str().unwrap(), "absolute");
    folder.link("..", "above");
    let files = folder.files();
    for good in ["plain", "inner", "sub/up"] {
        assert_eq!(files.text(good, 10).unwrap(), "plain", "{good}");
    }
    for bad in ["out", "absolute", "above/outside"] {
        assert!(matches!(files.bytes(bad, 10), Err(FileError::Escapes(_))), "{bad}");
    }
    for bad in ["../outside", "/etc/passwd", "", ".", "sub/../../outside"] {
        assert!(matches!(files.bytes(bad, 10), Err(FileError::Outside(_))), "{bad}");
    }
}

#[test]
fn what_everybody_may_write_is_not_read() {
    let folder = Folder::new("modes");
    let files = folder.files();
    folder.mode("plain", 0o602);
    assert!(matches!(files.bytes("plain", 10), Err(FileError::Writable(..))));
    folder.mode("plain", 0o600);
    folder.mode(".", 0o777);
    assert!(matches!(files.bytes("plain", 10), Err(FileError::Writable(..))));
    folder.mode(".", 0o770);
    assert!(files.is_a_groups(".") && !files.is_a_groups("sub"));
    assert_eq!(*files.private("plain", 10).unwrap(), b"plain");
    folder.mode("plain", 0o640);
    assert!(matches!(files.private("plain", 10), Err(FileError::Open(..))));
    assert!(files.bytes("plain", 10).is_ok());
}

#[test]
fn links_do_not_lead_through_what_others_write() {
    let folder = Folder::new("ways");
    fs::create_dir(folder.0.join("in/open")).unwrap();
    fs::write(folder.0.join("in/open/far"), "far").unwrap();
    folder.link("open/far", "there");
    folder.link("../plain", "open/back");
    folder.link("open/back", "round");
    folder.link("loop", "loop");
    folder.mode("plain", 0o600);
    folder.mode("open/far", 0o600);
    let files = folder.files();
    for (path, mode) in [("there", 0o702), ("round", 0o702), ("there", 0o720), ("round", 0o720)] {
        folder.mode("open", mode);
        assert!(matches!(files.private(path, 10), Err(FileError::Folder(..))), "{path}");
        let read = files.bytes(path, 10);
        let refused = matches!(read, Err(FileError::Writable(..)));
        assert_eq!(refused, mode == 0o702, "{path}: {read:?}");
    }
    folder.mode("open", 0o700);
    assert!(files.private("there", 10).is_ok() && files.private("round", 10).is_ok());
    assert!(matches!(files.bytes("loop", 10), Err(FileError::Irregular(_))));
}

#[test]
fn a_stamp_differs_when_a_file_is_written_or_replaced_or_a_link_leads_elsewhere() {
    let folder = Folder::new("stamp");
    let files = folder.files();
    assert_eq!(files.stamp("a").ok(), None);
    files.write("a", b"one").unwrap();
    files.write("b", b"one").unwrap();
    folder.link("a", "link");
    let (first, linked) = (files.stamp("a").ok(), files.stamp("link").ok());
    assert!(first.is_some());
    assert_eq!(first, linked);
    assert_eq!(files.again().unwrap().stamp("a").ok(), first);
    files.write("a", b"other").unwrap();
    assert_ne!(files.stamp("a").ok(), first);
    assert!(files.stamp("a").ok().unwrap().is_same_file(&first.unwrap()));
    assert!(!files.stamp("b").ok().unwrap().is_same_file(&first.unwrap()));
    assert_eq!(files.stamp("../a").ok(), None);
    assert!(files.stamp(".").ok().is_some());
}

#[test]
fn a_record_has_the_file_that_was_read_and_not_the_one_to_which_its_path_leads_later() {
    let folder = Folder::new("record");
    let point = |to: &str| {
        fs::remove_file(folder.0.join("in/now")).unwrap_or_default();
        folder.link(to, "now");
    };
    fs::create_dir(folder.0.join("in/v1")).unwrap();
    fs::create_dir(folder.0.join("in/v2")).unwrap();
    let files = folder.files();
    files.write("v1/p", b"one").unwrap();
    files.write("v2/p", b"two").unwrap();
    let read = || {
        files.start_record();
        files.text("now/p", 10).unwrap();
    };
    point("v1");
    read();
    let (first, none) = (files.end_record().unwrap(), files.end_record());
    assert!(first.is_current(&files) && none.is_none());
    point("v2");
    assert!(!first.is_current(&files));
    read();
    point("v1");
    let other = files.end_record().unwrap();
    assert!(first.is_current(&files) && !other.is_current(&files));
    assert_ne!(first, other);
    // A file that two readings saw in two versions is never current.
    read();
    point("v2");
    files.again().unwrap().text("now/p", 10).unwrap();
    assert!(!files.end_record().unwrap().is_current(&files));
}

#[test]
fn a_record_has_the_names_in_a_folder_and_leaves_out_what_its_reader_does_not_want() {
    let folder = Folder::new("names");
    let files = folder.files();
    files.start_record();
    assert_eq!(files.names("sub").unwrap(), Vec::<String>::new());
    assert_eq!(files.names("none").unwrap(), Vec::<String>::new());
    assert_eq!(files.text("plain", 10).unwrap(), "plain");
    let record = files.end_record().unwrap();
    assert!(record.is_current(&files));
    files.write("sub/new", b"").unwrap();
    assert!(!record.is_current(&files));
    assert!(record.clone().without(&["sub"]).is_current(&files));
    files.write("plain", b"longer").unwrap();
    assert!(!record.without(&["sub"]).is_current(&files));
}

#[test]
fn a_limit_is_a_limit() {
    let folder = Folder::new("limits");
    let files = folder.files();
    assert_eq!(files.bytes("plain", 5).unwrap(), b"plain");
    assert!(matches!(files.bytes("plain", 4), Err(FileError::Long(_, 4))));
    assert!(matches!(files.bytes("sub", 4), Err(FileError::Irregular(_))));
    assert_eq!(files.names("sub").unwrap(), Vec::<String>::new());
    assert_eq!(files.names("none").unwrap(), Vec::<String>::new());
}

#[test]
fn a_file_is_kept_and_discarded_in_a_folder_and_not_through_a_link() {
    let folder = Folder::new("keep");
    let files = folder.files();
    fs::write(folder.0.join("in/deed.toml"), "").unwrap();
    assert!(!files.discard("kept", "one").unwrap(), "there is none");
    let held = files.lock("kept").unwrap();
    assert!(files.keep("kept", "one", b"1").unwrap());
    drop(held);
    assert_eq!(*files.private("kept/one", 10).unwrap(), b"1");
    assert!(matches!(files.keep_new("kept", "one", b"2"), Err(FileError::Exists(_))));
    assert_eq!(*files.private("kept/one", 10).unwrap(), b"1");
    assert!(files.keep_new("kept", "two", b"2").unwrap());
    assert_eq!(*files.private("kept/two", 10).unwrap(), b"2");
    assert_eq!(files.names("kept").unwrap(), ["one", "two"], "no draft is left");
    assert!(files.discard("kept", "one").unwrap());
    assert!(!folder.0.join("in/kept/one").exists());
    folder.link("sub", "link");
    fs::write(folder.0.join("in/sub/one"), "1").unwrap();
    assert!(matches!(files.discard("link", "one"), Err(FileError::Link(_))));
    assert!(matches!(files.lock("link"), Err(FileError::Link(_))));
    assert!(matches!(files.keep_new("link", "two", b"2"), Err(FileError::Link(_))));
    assert!(folder.0.join("in/sub/one").exists());
    deeper(&folder, &files);
}

/// A folder below another one, to which no link may lead either.
fn deeper(folder: &Folder, files: &Files) {
    fs::create_dir(folder.0.join("in/sub/deep")).unwrap();
    fs::write(folder.0.join("in/sub/deep/one"), "1").unwrap();
    assert!(files.keep_new("sub/deep", "two", b"2").unwrap());
    assert!(
        matches!(files.discard("link/deep", "one"), Err(FileError::Link(path)) if path == "link")
    );
    assert!(matches!(files.lock("link/deep"), Err(FileError::Link(_))));
    assert!(matches!(files.keep("link/deep", "two", b"2"), Err(FileError::Link(_))));
    assert!(matches!(files.keep_new("link/new", "two", b"2"), Err(FileError::Link(_))));
    assert!(folder.0.join("in/sub/deep/one").exists() && !folder.0.join("in/sub/new").exists());
    assert!(matches!(files.keep_new("none/new", "two", b"2"), Err(FileError::Make(..))));
    assert!(!folder.0.join("in/none").exists(), "a folder that leads to another one is not made");
    assert!(matches!(files.keep_new("plain", "two", b"2"), Err(FileError::NoFolder(_))));
}

#[test]
fn state_is_made_and_kept_private() {
    let folder = Folder::new("state");
    let root = folder.0.join("in");
    make_state(&root).unwrap();
    make_state(&root).unwrap();
    folder.mode("state", 0o750);
    assert!(matches!(make_state(&root), Err(FileError::Entered(..))));
    folder.mode("state", 0o700);
    folder.link("../../outside", "state/cache/x");
    assert!(matches!(make_state(&root), Err(FileError::Link(_))));
}
