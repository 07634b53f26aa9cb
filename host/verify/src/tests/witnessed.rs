//! Tests of witness policies, which require cosignatures on the checkpoint of a bundle.

use data_encoding::BASE64;
use deed_spec::note::{LogPolicy, WitnessKey};
use ed25519_dalek::Signer as _;

use super::*;

fn witness(seed: u8) -> WitnessKey {
    WitnessKey::new(&format!("w{seed}.example"), key(seed).verifying_key()).unwrap()
}

/// The signature line of a witness over `text`.
fn cosigned(seed: u8, text: &str) -> String {
    let time = 1_700_000_000_u64;
    let signature = key(seed).sign(format!("cosignature/v1\ntime {time}\n{text}").as_bytes());
    let id = witness(seed).id();
    let blob = [id.as_slice(), &time.to_be_bytes(), &signature.to_bytes()].concat();
    format!("— w{seed}.example {}\n", BASE64.encode(&blob))
}

/// The bundle with additional signature lines at the end of every checkpoint.
fn with(world: &World, lines: impl Fn(&str) -> String) -> Vec<u8> {
    world.forged(|files| {
        for (_, bytes) in files.iter_mut().filter(|(name, _)| name.ends_with(".tlog-proof")) {
            let text = String::from_utf8(bytes.clone()).unwrap();
            let note = text.split_once("\n\n").unwrap().1;
            let body = format!("{}\n", note.split_once("\n\n").unwrap().0);
            *bytes = format!("{text}{}", lines(&body)).into_bytes();
        }
    })
}

fn trusting(world: &World, quorum: usize) -> Trust {
    let keys = [21, 22].map(witness);
    let named = [("one", &keys[0], ""), ("two", &keys[1], "")];
    let policy = LogPolicy::of(&world.trust().log, &named, quorum).unwrap();
    Trust { witnesses: Some(policy), ..world.trust() }
}

#[test]
fn a_quorum_of_witnesses_is_seen_and_a_lack_of_it_said() {
    let world = approved();
    let both = with(&world, |text| cosigned(21, text) + &cosigned(22, text));
    let one = with(&world, |text| cosigned(22, text));
    for (bundle, quorum, verdict, status, words) in [
        (&both, 2, Verdict::Verified, Status::Pass, "one (Unix time 1700000000), two"),
        (&one, 1, Verdict::Verified, Status::Pass, "cosigned by two"),
        (&one, 2, Verdict::Unverifiable, Status::Skip, "one missing, cosigned by two"),
        (
            &world.bundle(),
            1,
            Verdict::Unverifiable,
            Status::Skip,
            "one, two missing, cosigned by no witness",
        ),
    ] {
        let report = verify(bundle, Some(&trusting(&world, quorum)));
        assert_eq!(report.verdict, verdict, "{report:#?}");
        let line = line(&report, WITNESSES);
        assert_eq!(line.status, status, "{line:?}");
        assert!(line.detail.contains(words), "{line:?}");
        // If cosignatures are missing, all other checks are still made.
        assert_eq!(super::line(&report, OUTCOME).status, Status::Pass, "{report:#?}");
    }
    // A reader without a witness policy needs no cosignatures. The report says that a reader without cosignatures
    // cannot detect a forked log.
    let report = verify(&both, Some(&world.trust()));
    assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
    assert!(line(&report, WITNESSES).detail.contains("forks its log"), "{report:#?}");
}

#[test]
fn a_wrong_cosignature_of_a_known_witness_fails() {
    let world = approved();
    let forged = with(&world, |text| cosigned(21, text) + &cosigned(22, "another tree\n"));
    for quorum in [1, 2] {
        let report = verify(&forged, Some(&trusting(&world, quorum)));
        assert_eq!(report.verdict, Verdict::Failed, "{report:#?}");
        assert_eq!(line(&report, WITNESSES).status, Status::Fail, "{report:#?}");
    }
}

#[test]
fn a_policy_is_a_file_of_the_trust_directory() {
    let world = approved();
    let trust = trusting(&world, 2);
    let files = trust.files().unwrap();
    assert_eq!(Trust::parse(&files).unwrap(), trust);
    // The logs of `log.policy` are trusted without `log.vkey`. If both files exist, they must name the same logs.
    let mut alone = files.clone();
    alone.remove(Trust::LOG_KEYS).unwrap();
    assert_eq!(Trust::parse(&alone).unwrap(), trust);
    let mut other = files.clone();
    other.insert(Trust::LOG_KEYS.to_owned(), log_of("log.example/acme", 9).to_string().into());
    assert!(matches!(Trust::parse(&other), Err(TrustError::Logs(_))));
    let mut broken = files;
    broken.insert("log.policy".to_owned(), b"\nquorum nobody\n".to_vec());
    let said = Trust::parse(&broken).unwrap_err().to_string();
    assert!(said.contains("`log.policy`, line 2: ") && said.contains("`nobody`"), "{said}");
}

#[test]
fn a_witness_has_a_key_of_its_own() {
    let world = approved();
    let trust = world.trust();
    let receipt = trust.receipt_keys[0].key;
    let person = *trust.approvers.as_ref().unwrap()[0].key.ed25519().unwrap();
    let log = world.log_key.verifier();
    let of_log = *log.public();
    for key in [receipt, person, of_log] {
        let witness = WitnessKey::new("w.example", key).unwrap();
        let policy = LogPolicy::of(&[], &[("w", &witness, "")], 1).unwrap();
        let shared = Trust { witnesses: Some(policy), ..trust.clone() };
        assert!(matches!(shared.files(), Err(TrustError::Shared(..))), "{shared:?}");
    }
}
