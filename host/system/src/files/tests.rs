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
    assert!(files.discard("kept", "one").unwrap());
    assert!(!folder.0.join("in/kept/one").exists());
    folder.link("sub", "link");
    fs::write(folder.0.join("in/sub/one"), "1").unwrap();
    assert!(matches!(files.discard("link", "one"), Err(FileError::Link(_))));
    assert!(matches!(files.lock("link"), Err(FileError::Link(_))));
    assert!(folder.0.join("in/sub/one").exists());
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
