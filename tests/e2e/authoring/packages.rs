//! Tests of packages: `deed adapter push`, `pull`, `sign` and `inspect`, on a layout in a directory, on a registry in
//! this process, and on Debian's registry.

mod debian;
mod fake;
mod forged;
mod hostile;
mod inspected;
mod network;
mod shelf;
mod signed;

use std::fs;
use std::path::PathBuf;

use deed_spec::digest::Digest;
use deed_tests::home::Home;
use deed_tests::host;
use serde_json::{Value, json};

use self::shelf::Shelf;

/// The contract beside the adapter `titles`.
const CONTRACT: &str = r#"format = 1

[action]
name     = "idp.set_title"
version  = "1.0.0"
title    = "Set the job title of a user"
verb     = "update"
mode     = "write"
effect   = "observable"
resource = "idp/users/{user_id}"
adapter  = "titles"

[params]
required = ["user_id", "title"]
properties.user_id = { type = "string", pattern = "^[0-9a-f]{32}$" }
properties.title   = { type = "string", minLength = 1, maxLength = 100 }

[state.user]
required = ["id"]
volatile = ["/meta"]
properties.id    = { type = "string" }
properties.title = { type = "string" }
properties.meta  = { type = "object", properties = { version = { type = "string" } } }

[[observe.http]]
upstream = "idp"
request  = "GET /Users/{user_id}"

[[perform.http]]
upstream = "idp"
request  = "PATCH /Users/{user_id}"
body     = { schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], Operations = [{ op = "replace", path = "title", value = "{title}" }] }

[verify]
after      = ["has(post.user.title) && post.user.title == params.title"]
may_change = ["/user/title"]
"#;

/// A directory with an adapter, its contract, the keys of two authors, and a trust directory with the key of alice.
struct Desk {
    home: Home,
}

/// Exit code, stdout, stderr.
type Said = (i32, String, String);

fn deed(args: &[&str]) -> Said {
    let output = host::run(args, "").unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// A custom section of a component, shorter than 128 bytes.
fn custom(name: &str, data: &[u8]) -> Vec<u8> {
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
    let content = [&[length(name.as_bytes())][..], name.as_bytes(), data].concat();
    [&[0, length(&content)][..], &content].concat()
}

impl Desk {
    fn new() -> Self {
        let home = Home::new("packages");
        fs::create_dir_all(home.dir.join("authors")).unwrap();
        let component = wat::parse_str("(component)").unwrap();
        let component = [component, custom("version", b"1.2.3"), custom("licenses", b"Apache-2.0")];
        fs::write(home.dir.join("titles.wasm"), component.concat()).unwrap();
        fs::write(home.dir.join("idp.set_title.toml"), CONTRACT).unwrap();
        let desk = Self { home };
        for person in ["alice", "bob"] {
            host::expect(&["key", "new", &desk.path(&format!("{person}.key"))]).unwrap();
        }
        desk.trust("alice");
        desk
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.dir.join(name)
    }

    fn path(&self, name: &str) -> String {
        self.file(name).to_str().unwrap().to_owned()
    }

    fn layout(&self) -> String {
        format!("oci:{}:1.0.0", self.path("layout"))
    }

    fn shelf(&self) -> Shelf {
        Shelf::new(self.file("layout"))
    }

    fn trust(&self, person: &str) {
        let name = format!("{person}.pub");
        fs::copy(self.file(&name), self.file("authors").join(&name)).unwrap();
    }

    fn revoke(&self, person: &str) {
        fs::write(self.file("authors").join(format!("{person}.revoked")), "").unwrap();
    }

    fn try_push(&self, reference: &str, more: &[&str]) -> Said {
        let (wasm, contract) = (self.path("titles.wasm"), self.path("idp.set_title.toml"));
        let key = self.path("alice.key");
        let args = ["adapter", "push", reference, &wasm, "--contract", &contract, "--key", &key];
        deed(&[&args[..], more].concat())
    }

    /// Pushes the package, and returns the report.
    fn push(&self, reference: &str) -> Value {
        let (code, said, errors) = self.try_push(reference, &["--json"]);
        assert_eq!((code, errors.as_str()), (0, ""), "{said}");
        serde_json::from_str(&said).unwrap()
    }

    fn pull(&self, reference: &str, more: &[&str]) -> Said {
        let (trust, output) = (self.path("authors"), self.path("out"));
        let args = ["adapter", "pull", reference, "--trust", &trust, "--output", &output];
        deed(&[&args[..], more].concat())
    }

    /// The names of the files that pulls wrote.
    fn written(&self) -> Vec<String> {
        let entries = fs::read_dir(self.file("out")).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Pulls the package, which must be refused with these words, and nothing may be written.
    fn refused(&self, reference: &str, words: &str) {
        let (code, said, errors) = self.pull(reference, &[]);
        assert_eq!((code, said.as_str()), (1, ""), "{words}: {errors}");
        assert!(errors.contains(words), "no `{words}` in {errors}");
        assert_eq!(self.written(), Vec::<String>::new(), "{words}");
    }
}

fn digest(file: &std::path::Path) -> String {
    Digest::of(&fs::read(file).unwrap()).to_string()
}

#[test]
fn a_package_is_fetched_as_it_was_published() {
    let desk = Desk::new();
    let pushed = desk.push(&desk.layout());
    assert_eq!(pushed["name"], "titles");
    assert_eq!(pushed["adapter"]["digest"], json!(digest(&desk.file("titles.wasm"))));
    let (code, said, errors) = desk.pull(&desk.layout(), &["--json"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    let pulled: Value = serde_json::from_str(&said).unwrap();
    for member in ["package", "name", "adapter", "contracts"] {
        assert_eq!(pulled[member], pushed[member], "{member}");
    }
    assert_eq!(
        (&pulled["version"], &pulled["signature"]["author"]),
        (&json!("1.2.3"), &json!("alice"))
    );
    assert_eq!(pulled["signature"]["keyid"], pushed["keyid"]);
    assert_eq!(desk.written(), ["idp.set_title.toml", "titles.wasm"]);
    for name in ["idp.set_title.toml", "titles.wasm"] {
        assert_eq!(
            fs::read(desk.file("out").join(name)).unwrap(),
            fs::read(desk.file(name)).unwrap()
        );
    }
    // The same files are the same package, and a package can be named by its digest.
    assert_eq!(desk.push(&desk.layout())["package"], pushed["package"]);
    let by_digest = pushed["reference"].as_str().unwrap();
    let (code, _, errors) = desk.pull(by_digest, &[]);
    assert_eq!(code, 0, "{errors}");
    assert!(errors.contains("next: deed adapter check "), "{errors}");
}

#[test]
fn files_are_replaced_only_on_request() {
    let desk = Desk::new();
    desk.push(&desk.layout());
    fs::create_dir(desk.file("out")).unwrap();
    let own = desk.file("out").join("idp.set_title.toml");
    fs::write(&own, "mine").unwrap();
    let (code, _, errors) = desk.pull(&desk.layout(), &[]);
    assert!(code == 1 && errors.contains("--replace"), "{errors}");
    assert_eq!((fs::read_to_string(&own).unwrap(), desk.written().len()), ("mine".to_owned(), 1));
    let (code, _, errors) = desk.pull(&desk.layout(), &["--replace"]);
    assert_eq!(code, 0, "{errors}");
    assert_eq!(fs::read_to_string(&own).unwrap(), CONTRACT);
    assert_eq!(desk.written().len(), 2);

    // A link is not followed, also with --replace.
    let outside = desk.file("outside");
    fs::write(&outside, "keep").unwrap();
    fs::remove_file(&own).unwrap();
    std::os::unix::fs::symlink(&outside, &own).unwrap();
    assert_eq!(desk.pull(&desk.layout(), &[]).0, 1);
    assert_eq!(desk.pull(&desk.layout(), &["--replace"]).0, 0);
    assert_eq!(fs::read_to_string(&outside).unwrap(), "keep");
    assert_eq!(fs::read_to_string(&own).unwrap(), CONTRACT);
}

#[test]
fn a_served_directory_gets_the_files_in_their_folders() {
    let desk = Desk::new();
    desk.push(&desk.layout());
    fs::create_dir(desk.file("out")).unwrap();
    fs::write(desk.file("out").join("deed.toml"), "").unwrap();
    let (code, _, errors) = desk.pull(&desk.layout(), &[]);
    assert!(code == 0 && errors.contains("next: deed pin "), "{errors}");
    assert_eq!(desk.written(), ["adapters", "contracts", "deed.toml"]);
    assert!(desk.file("out/adapters/titles.wasm").is_file());
    assert!(desk.file("out/contracts/idp.set_title.toml").is_file());
}

#[test]
fn nothing_is_written_through_a_folder_that_is_a_link() {
    let desk = Desk::new();
    desk.push(&desk.layout());
    for dir in ["out", "other"] {
        fs::create_dir(desk.file(dir)).unwrap();
    }
    fs::write(desk.file("out/deed.toml"), "").unwrap();
    let options: [&[&str]; 2] = [&[], &["--replace"]];
    let is_empty = || fs::read_dir(desk.file("other")).unwrap().next().is_none();
    for link in ["adapters", "contracts"] {
        std::os::unix::fs::symlink("../other", desk.file("out").join(link)).unwrap();
        for more in options {
            let (code, _, errors) = desk.pull(&desk.layout(), more);
            assert!(code == 1 && errors.contains("this folder is a link"), "{errors}");
            assert!(is_empty() && desk.written().len() == 2, "{link}: {:?}", desk.written());
        }
        fs::remove_file(desk.file("out").join(link)).unwrap();
    }
    fs::rename(desk.file("layout/blobs"), desk.file("blobs")).unwrap();
    std::os::unix::fs::symlink("../other", desk.file("layout/blobs")).unwrap();
    let (code, _, errors) = desk.try_push(&desk.layout(), &["--replace"]);
    assert!(code == 1 && errors.contains("this folder is a link"), "{errors}");
    assert!(is_empty());
    // The directory that the person names may be a link.
    fs::remove_file(desk.file("layout/blobs")).unwrap();
    fs::rename(desk.file("blobs"), desk.file("layout/blobs")).unwrap();
    fs::remove_dir_all(desk.file("out")).unwrap();
    std::os::unix::fs::symlink("other", desk.file("out")).unwrap();
    assert_eq!(desk.pull(&desk.layout(), &[]).0, 0);
    assert!(desk.file("other/titles.wasm").is_file());
}

#[test]
fn the_path_of_a_layout_may_have_an_at_sign() {
    let desk = Desk::new();
    let pushed = desk.push(&format!("oci:{}:1.0.0", desk.path("a@b")));
    let by_digest = pushed["reference"].as_str().unwrap();
    assert!(by_digest.contains("a@b@sha256:"), "{by_digest}");
    let (code, _, errors) = desk.pull(by_digest, &[]);
    assert_eq!(code, 0, "{errors}");
}

#[test]
fn a_tag_moves_only_on_request() {
    let desk = Desk::new();
    let first = desk.push(&desk.layout());
    fs::write(desk.file("idp.set_title.toml"), CONTRACT.replace("1.0.0", "1.1.0")).unwrap();
    let (code, _, errors) = desk.try_push(&desk.layout(), &[]);
    assert!(code == 1 && errors.contains("names another package"), "{errors}");
    let (code, said, _) = desk.try_push(&desk.layout(), &["--replace", "--json"]);
    assert_eq!(code, 0, "{said}");
    let second: Value = serde_json::from_str(&said).unwrap();
    assert_ne!(first["package"], second["package"]);
    // The first package is still there, by its digest.
    let (code, _, errors) = desk.pull(first["reference"].as_str().unwrap(), &[]);
    assert_eq!(code, 0, "{errors}");
    assert_eq!(fs::read_to_string(desk.file("out/idp.set_title.toml")).unwrap(), CONTRACT);
}

#[test]
fn mistakes_of_an_author_are_named() {
    let desk = Desk::new();
    let mistake = |reference: &str, more: &[&str], code: i32, words: &str| {
        let said = desk.try_push(reference, more);
        assert!(said.0 == code && said.2.contains(words), "no `{words}` in {said:?}");
        assert!(!desk.file("layout").exists());
    };
    fs::write(desk.file("other.toml"), CONTRACT.replace("\"titles\"", "\"other\"")).unwrap();
    fs::write(desk.file("broken.toml"), "format = 1\n").unwrap();
    let (other, broken) = (desk.path("other.toml"), desk.path("broken.toml"));
    mistake(&desk.layout(), &["--contract", &other], 2, "is for the adapter `other`");
    mistake(&desk.layout(), &["--contract", &broken], 2, "broken.toml");
    mistake(&format!("{}@{}", desk.layout(), Digest::of(b"x")), &[], 2, "either a tag or a digest");
    mistake("registry.example/titles", &[], 2, "HOST/NAME:TAG");
    mistake(&format!("oci:{}:sha256-x", desk.path("layout")), &[], 2, "are for signatures");
    // A directory with other files is not made a layout.
    let (code, _, errors) = desk.try_push(&format!("oci:{}:1", desk.path("authors")), &[]);
    assert!(code == 1 && errors.contains("not an OCI layout"), "{errors}");
    fs::write(desk.file("titles.wasm"), "no component").unwrap();
    mistake(&desk.layout(), &[], 1, "");
}
