use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use super::*;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("deed-watched-{name}-{}", std::process::id()));
        fs::remove_dir_all(&dir).unwrap_or_default();
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // The file is replaced by a rename, as `deed secret set` does.
        let draft = self.0.join("draft");
        fs::write(&draft, text).unwrap();
        fs::set_permissions(&draft, fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(draft, path).unwrap();
    }

    fn open(&self, path: &str) -> Watched<String> {
        let files = Arc::new(Files::open(&self.0).unwrap());
        Watched::open("idp", &files, path, read).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

fn read(name: &str, files: &Files, path: &str) -> Result<Content<String>, String> {
    let bytes = files.private(path, 100).map_err(|error| format!("{name}: {error}"))?;
    let digest = Digest::of(&bytes);
    let value = String::from_utf8(bytes.to_vec()).map_err(|error| error.to_string())?;
    if value.is_empty() { Err("it is empty".to_owned()) } else { Ok(Content { value, digest }) }
}

fn in_force(watched: &Watched<String>) -> Vec<String> {
    watched.in_force().iter().map(|value| value.as_str().to_owned()).collect()
}

#[test]
fn a_replaced_file_is_read_again_and_its_old_value_stays_known() {
    let folder = Folder::new("replaced");
    folder.write("secret", "one");
    let watched = folder.open("secret");
    watched.look();
    folder.write("secret", "two");
    watched.look();
    assert_eq!(*watched.value(), "two");
    assert_eq!(in_force(&watched), ["one", "two"]);
    watched.look();
    watched.look();
    assert!(watched.kept().is_settled && in_force(&watched).len() == 2);
}

#[test]
fn a_swapped_link_of_a_mounted_folder_is_seen() {
    let folder = Folder::new("link");
    folder.write("mount/first/secret", "one");
    folder.write("mount/second/secret", "two");
    symlink("first", folder.0.join("mount/now")).unwrap();
    symlink("now/secret", folder.0.join("mount/secret")).unwrap();
    let watched = folder.open("mount/secret");
    watched.look();
    watched.look();
    assert!(watched.kept().is_settled);
    symlink("second", folder.0.join("mount/next")).unwrap();
    fs::rename(folder.0.join("mount/next"), folder.0.join("mount/now")).unwrap();
    watched.look();
    assert_eq!(*watched.value(), "two");
}

#[test]
fn an_unusable_file_leaves_the_value_before() {
    let folder = Folder::new("unusable");
    folder.write("secret", "one");
    let watched = folder.open("secret");
    let path = folder.0.join("secret");
    let unusable: [fn(&Path); 4] = [
        |path| fs::write(path, "").unwrap(),
        |path| fs::write(path, "x".repeat(101)).unwrap(),
        |path| fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap(),
        |path| fs::remove_file(path).unwrap(),
    ];
    for change in unusable {
        change(&path);
        watched.look();
        assert!(watched.fault().is_some());
        assert_eq!(*watched.value(), "one");
    }
    folder.write("secret", "two");
    watched.look();
    assert!(watched.fault().is_none());
    assert_eq!(in_force(&watched), ["one", "two"]);
}

#[tokio::test]
async fn a_file_is_looked_at_once_per_second() {
    let folder = Folder::new("often");
    folder.write("secret", "one");
    let watched = Arc::new(folder.open("secret"));
    folder.write("secret", "two");
    assert_eq!(*watched.current().await, "one");
    watched.change().looked = Instant::now().checked_sub(PAUSE).unwrap();
    assert_eq!(*watched.current().await, "two");
    assert!(!format!("{watched:?}").contains("two"));
}
