//! Packages in Debian's `docker-registry`, which has the distribution API without the later API for referrers. The tests
//! are run by `make systems`, which installs the registry.

use std::fs;

use deed_tests::services::docker_registry::DockerRegistry;

use super::{Desk, deed};

#[test]
#[ignore = "needs docker-registry; run `make systems`"]
fn a_real_registry_keeps_a_package_and_its_signatures() {
    let (desk, registry) = (Desk::new(), DockerRegistry::start().unwrap());
    let reference = format!("{}/team/titles:1.0.0", registry.address());
    let pushed = desk.push(&reference);
    let by_digest = pushed["reference"].as_str().unwrap();
    let (code, said, errors) = desk.pull(by_digest, &[]);
    assert!(code == 0 && said.contains("signed by alice"), "{said}{errors}");
    for name in ["idp.set_title.toml", "titles.wasm"] {
        assert_eq!(
            fs::read(desk.file("out").join(name)).unwrap(),
            fs::read(desk.file(name)).unwrap()
        );
    }
    fs::remove_dir_all(desk.file("out")).unwrap();

    // After the key is revoked, only a signature by another key helps.
    desk.revoke("alice");
    desk.refused(&reference, "the key was revoked");
    desk.trust("bob");
    let key = desk.path("bob.key");
    let (code, _, errors) = deed(&["adapter", "sign", by_digest, "--key", &key]);
    assert_eq!(code, 0, "{errors}");
    let (code, said, errors) = desk.pull(&reference, &[]);
    assert!(code == 0 && said.contains("signed by bob"), "{said}{errors}");
    let (_, _, errors) = desk.pull(&format!("{}/team/titles:2", registry.address()), &[]);
    assert!(errors.contains("no package with the tag `2`"), "{errors}");
}
