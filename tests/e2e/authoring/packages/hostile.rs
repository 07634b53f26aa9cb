//! A registry that lies about the content of a package. Nothing is written, and the command ends.

use std::time::{Duration, Instant};

use deed_spec::digest::Digest;
use serde_json::{Value, json};

use super::Desk;
use super::fake::{Asks, Fake, Lie};

struct Attacked {
    desk: Desk,
    fake: Fake,
    manifest: Value,
}

fn attacked() -> Attacked {
    let (desk, fake) = (Desk::new(), Fake::start(Asks::Nothing));
    desk.push(&fake.reference("1.0.0"));
    let manifest = serde_json::from_slice(&fake.stored("1.0.0")).unwrap();
    Attacked { desk, fake, manifest }
}

impl Attacked {
    fn adapter(&self) -> &str {
        self.manifest["layers"][0]["digest"].as_str().unwrap()
    }

    fn refused(&self, about: &str, lie: Lie, words: &str) {
        self.fake.be_honest();
        self.fake.lie(about, lie);
        self.desk.refused(&self.fake.reference("1.0.0"), words);
    }
}

fn says(body: &[u8]) -> Lie {
    Lie::Says(200, String::new(), body.to_vec())
}

#[test]
fn false_blobs_are_refused() {
    let it = attacked();
    let (blob, size) =
        (format!("blobs/{}", it.adapter()), it.manifest["layers"][0]["size"].as_u64());
    let size = usize::try_from(size.unwrap()).unwrap();
    it.refused(&blob, says(&vec![0; size]), "has the digest");
    it.refused(&blob, says(&vec![0; size - 1]), "but the manifest says");
    it.refused(&blob, says(&vec![0; size + 1]), "more than");
    it.refused(&blob, says(b""), "has 0 bytes");
    it.refused(&blob, Lie::Says(404, String::new(), vec![]), "answered 404");
    let began = Instant::now();
    it.refused(&blob, Lie::Endless, "more than");
    it.refused("/manifests/1.0.0", Lie::Endless, "more than");
    it.refused("/manifests/sha256-", Lie::Endless, "more than");
    assert!(began.elapsed() < Duration::from_mins(1), "the command read on");
    it.fake.be_honest();
    assert_eq!(it.desk.pull(&it.fake.reference("1.0.0"), &[]).0, 0);
}

#[test]
fn false_manifests_are_refused() {
    let it = attacked();
    let about = "/manifests/1.0.0";
    it.refused(about, says(b"<html>"), "the manifest: line 1");
    it.refused(about, says(b"{}"), "the manifest: at `/");
    let index = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [],
    });
    it.refused(
        about,
        says(index.to_string().as_bytes()),
        "application/vnd.oci.image.index.v1+json",
    );
    let mut large = it.manifest.clone();
    large["layers"][0]["size"] = json!(65_u64 << 20);
    it.refused(about, says(large.to_string().as_bytes()), "is not signed");
    let mut deep = "[".repeat(100_000);
    deep.push_str("]]");
    it.refused(about, says(deep.as_bytes()), "nested deeper");
    let layers: Vec<Value> = vec![it.manifest["layers"][1].clone(); 1_000];
    let mut many = it.manifest.clone();
    many["layers"] = json!(layers);
    it.refused(about, says(many.to_string().as_bytes()), "more than 128 layers");
}

/// A digest names one manifest, whatever the registry answers.
#[test]
fn a_digest_gets_no_other_manifest() {
    let it = attacked();
    let wanted = Digest::of(&it.fake.stored("1.0.0"));
    let mut other = it.manifest.clone();
    other["layers"][0]["digest"] = json!(Digest::of(b"other"));
    it.fake.lie(&format!("/manifests/{wanted}"), says(other.to_string().as_bytes()));
    let reference = it.fake.reference("1.0.0").replace(":1.0.0", &format!("@{wanted}"));
    it.desk.refused(&reference, &format!("but {wanted} was asked for"));
}

/// The signatures of another package do not count for this one.
#[test]
fn signatures_of_another_package_do_not_count() {
    let it = attacked();
    let mut other = it.manifest.clone();
    other["annotations"] = json!({"note": "other"});
    let other = other.to_string().into_bytes();
    let signatures = |bytes: &[u8]| format!("sha256-{}.sig", Digest::of(bytes).hex());
    let own = it.fake.stored(&signatures(&it.fake.stored("1.0.0")));
    it.fake.store(&signatures(&other), own);
    it.fake.store("1.0.0", other);
    it.desk.refused(&it.fake.reference("1.0.0"), "it is a signature of another package");
}
