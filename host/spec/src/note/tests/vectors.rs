//! Examples from C2SP signed-note, tlog-checkpoint and tlog-proof, and from golang.org/x/mod/sumdb/note, where the
//! format originated.

use super::*;

/// Verifier key, text, and the blob in the signature line.
const NOTES: [(&str, &str, &str); 2] = [
    // C2SP signed-note, the example with a verifier key.
    (
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "This is an example message.\n",
        "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=",
    ),
    // sumdb/note, "Verifying Notes".
    (
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "If you think cryptography is the answer to your problem,\n\
         then you don't know what your problem is.\n",
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=",
    ),
];

/// Signatures are checked before the text is parsed, so an error about a text that is not a checkpoint means that the
/// signatures are valid.
#[test]
fn signatures_of_the_specifications_hold() {
    for (vkey, text, blob) in NOTES {
        let key: VerifierKey = vkey.parse().unwrap();
        assert_eq!(key.to_string(), vkey);
        let line = format!("— {} {blob}\n", key.name());
        let no_checkpoint = verify(&format!("{text}\n{line}"), &key).unwrap_err();
        assert!(
            matches!(no_checkpoint, NoteError::Lines | NoteError::Origin { .. }),
            "{no_checkpoint}"
        );
        let bad = NoteError::BadSignature { name: key.name().to_owned() };
        let other = text.replacen('.', "!", 1);
        assert_eq!(verify(&format!("{other}\n{line}"), &key), Err(bad));
        // C2SP signed-note: "Verifiers MUST ignore signatures from unknown keys, even if they share a name or ID".
        let missing = Err(NoteError::NotSigned { name: key.name().to_owned() });
        let renamed = line.replace(key.name(), "example.com/other");
        assert_eq!(verify(&format!("{text}\n{renamed}"), &key), missing);
        let reid = line.replacen(blob.get(..4).unwrap(), "AAAA", 1);
        assert_eq!(verify(&format!("{text}\n{reid}"), &key), missing);
    }
}

/// The first example of C2SP signed-note: a text may contain empty lines, and ends at the last empty line of the note.
#[test]
fn a_text_may_have_empty_lines() {
    let text = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n";
    let blob = "NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=";
    let line = format!("— quasimodo.example/salvatore {blob}\n");
    let note = format!("{text}\n{line}");
    assert_eq!(split(&note).unwrap(), (text, line.as_str()));
    let (name, id, signature) = signature_line(line.trim_end()).unwrap();
    assert_eq!((name, id), ("quasimodo.example/salvatore", [0x36, 0x7b, 0xa0, 0x4b]));
    assert_eq!(signature.len(), 64);
}

/// The example of C2SP tlog-checkpoint. The key of the example is not published, so the test only parses and writes the
/// checkpoint.
#[test]
fn the_checkpoint_of_the_specification_reads_and_writes() {
    let text =
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    let tree = Checkpoint::parse(text).unwrap();
    assert_eq!((tree.origin.as_str(), tree.size), ("example.com/behind-the-sofa", 20_852_163));
    assert_eq!(tree.to_string(), text);
    let line = "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=";
    let (name, id, signature) = signature_line(line).unwrap();
    assert_eq!((name, id, signature.len()), (tree.origin.as_str(), [0x03, 0x3d, 0xe0, 0xae], 64));
    // C2SP tlog-checkpoint: "no leading zeroes (unless the tree is empty, in which case the tree size is `0`)"
    let empty = Checkpoint { origin: tree.origin, size: 0, root: crate::merkle::empty_root() };
    assert_eq!(Checkpoint::parse(&empty.to_string()).unwrap(), empty);
}

/// The example of C2SP tlog-proof, with a complete checkpoint in place of the abbreviated one.
#[test]
fn the_proof_of_the_specification_reads_and_writes() {
    let extra = "extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6kYXJ3aW4tYXJ\n";
    let rest = "index 73894\n\
        gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n\
        B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=\n\
        EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=\n\
        RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=\n\
        AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=\n\
        \nexample.com/fancylog\n109482\nsFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=\n\n";
    let text = format!("c2sp.org/tlog-proof@v1\n{rest}");
    let proof = LogProof::parse(&text).unwrap();
    assert_eq!((proof.index, proof.hashes.len(), &proof.extra), (73_894, 5, &None));
    assert!(proof.checkpoint.starts_with("example.com/fancylog\n109482\n"));
    assert_eq!(proof.to_string(), text);
    let text = format!("c2sp.org/tlog-proof@v1\n{extra}{rest}");
    let proof = LogProof::parse(&text).unwrap();
    assert!(proof.extra.as_ref().unwrap().starts_with(b"age-v1.2.1-darwin-arm64.tar.gz"));
    assert_eq!(proof.to_string(), text);
}

/// C2SP signed-note says "MUST accept at least up to 16 signatures". The signatures may have any length.
#[test]
fn sixteen_signatures_are_accepted() {
    let log = key(7, ORIGIN);
    let text = checkpoint().to_string();
    let own = sign(&checkpoint(), &log).unwrap();
    let long = |n: u8| {
        let blob = [vec![9, 9, 9, n], vec![n; 4_627]].concat();
        format!("— witness-{n}.example {}\n", BASE64.encode(&blob))
    };
    let others: String = (0..15).map(long).collect();
    for note in [format!("{own}{others}"), format!("{text}\n{others}{}", log.signature_line(&text))]
    {
        assert_eq!(verify(&note, log.verifier()).unwrap(), checkpoint());
    }
}

/// C2SP signed-note says "MUST NOT contain any ASCII control characters (those below U+0020) other than newline".
#[test]
fn control_characters_are_refused_wherever_they_stand() {
    let note = sign(&checkpoint(), &key(7, ORIGIN)).unwrap();
    for control in (0..0x20_u8).filter(|byte| *byte != b'\n') {
        for at in (0..=note.len()).filter(|at| note.is_char_boundary(*at)) {
            let mut bent = note.clone();
            bent.insert(at, char::from(control));
            assert_eq!(verify(&bent, key(7, ORIGIN).verifier()), Err(NoteError::Control));
        }
    }
}
