use super::*;

fn parts() -> Files {
    let mut files = Files::new();
    for name in [ACTION, CHAIN, POLICIES, "0.tlog-proof", "10.tlog-proof"] {
        files.insert(name.to_owned(), format!("content of {name}\n").into_bytes());
    }
    files.insert(CONTRACT.to_owned(), vec![]);
    files
}

#[test]
fn reads_what_it_wrote_and_writes_it_alike() {
    let bytes = write(&parts()).unwrap();
    assert_eq!(read(&bytes).unwrap(), parts());
    assert_eq!(write(&parts()).unwrap(), bytes);
    assert_eq!(read(&write(&Files::new()).unwrap()).unwrap(), Files::new());
}

#[test]
fn an_independent_zip_reader_agrees() {
    let bytes = write(&parts()).unwrap();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    assert_eq!(archive.len(), parts().len());
    for (index, (name, content)) in parts().iter().enumerate() {
        let mut entry = archive.by_index(index).unwrap();
        assert_eq!(entry.name().unwrap(), name.as_str());
        let mut read = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut read).unwrap();
        assert_eq!(&read, content);
    }
}

#[test]
fn every_flipped_bit_of_the_container_is_noticed() {
    let (bytes, files) = (write(&parts()).unwrap(), parts());
    for index in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[index] ^= 1;
        assert_ne!(read(&changed).ok(), Some(files.clone()), "byte {index}");
    }
}

#[test]
fn whatever_another_writer_might_add_is_refused() {
    let bytes = write(&parts()).unwrap();
    let trailing = [bytes.as_slice(), b"x"].concat();
    let leading = [b"x", bytes.as_slice()].concat();
    let twice = [bytes.as_slice(), bytes.as_slice()].concat();
    let cut = bytes[..bytes.len() - 1].to_vec();
    for bad in [trailing, leading, twice, cut, b"PK\x03\x04".to_vec(), vec![]] {
        assert_eq!(read(&bad), Err(BundleError::NotCanonical));
    }
}

#[test]
fn bounds_and_names_hold_for_writer_and_reader() {
    let one = |name: &str, size: usize| Files::from([(name.to_owned(), vec![0; size])]);
    for name in ["", "../x", "/action.json", "00.tlog-proof", "64.tlog-proof", "keys.pem"] {
        let files = one(name, 1);
        assert_eq!(write(&files), Err(BundleError::UnknownName(name.to_owned())));
        assert_eq!(
            read(&container::encode(&files)),
            Err(BundleError::UnknownName(name.to_owned()))
        );
    }
    let large = one(ACTION, ENTRY_MAX + 1);
    assert_eq!(write(&large), Err(BundleError::EntryTooLarge(ACTION.to_owned())));
    let many = (0..=ENTRIES_MAX).map(|n| (proof_name(n), vec![])).collect();
    assert_eq!(write(&many), Err(BundleError::TooMany));
    assert_eq!(read(&vec![0; FILE_MAX + 1]), Err(BundleError::TooLarge));
}

fn find(bytes: &[u8], what: &str) -> Vec<usize> {
    (0..bytes.len()).filter(|at| bytes[*at..].starts_with(what.as_bytes())).collect()
}

/// The offsets of the four size fields of a part: two in the local header and two in the central header.
fn sizes(bytes: &[u8], name: &str) -> Vec<usize> {
    let is = |at: usize, before: usize, mark: &[u8]| {
        at.checked_sub(before).is_some_and(|start| bytes[start..].starts_with(mark))
    };
    let fields = |at: usize| match at {
        _ if is(at, 30, b"PK\x03\x04") => vec![at - 12, at - 8],
        _ if is(at, 46, b"PK\x01\x02") => vec![at - 26, at - 22],
        _ => vec![],
    };
    find(bytes, name).into_iter().flat_map(fields).collect()
}

/// Each case writes a size into the headers that differs from the part's actual size: larger, smaller or zero.
#[test]
fn sizes_that_lie_are_refused_and_cost_nothing() {
    let bytes = write(&parts()).unwrap();
    let fields = sizes(&bytes, CHAIN);
    assert_eq!(fields.len(), 4);
    for size in [u32::MAX, 1 << 31, 64 << 20, 1, 0] {
        for fields in [&fields[..1], &fields[1..2], &fields[..2], &fields[2..], &fields[..]] {
            let mut lies = bytes.clone();
            for field in fields {
                lies[*field..*field + 4].copy_from_slice(&size.to_le_bytes());
            }
            assert_eq!(read(&lies), Err(BundleError::NotCanonical), "{size}");
        }
    }
    let end = bytes.len() - 22;
    for field in 8..20 {
        let mut lies = bytes.clone();
        lies[end + field] ^= 0x80;
        assert_eq!(read(&lies), Err(BundleError::NotCanonical), "end record, byte {field}");
    }
}

/// A compressed part is refused before it is decompressed, whatever its decompressed size.
#[test]
fn compressed_parts_and_other_features_of_zip_are_refused() {
    let bytes = write(&parts()).unwrap();
    let local = find(&bytes, ACTION)[0] - 30;
    for (field, value) in [
        (4, 45),
        (6, 0x01),
        (6, 0x08),
        (7, 0x08),
        (8, 8),
        (8, 12),
        (8, 93),
        (10, 1),
        (12, 1),
        (28, 4),
    ] {
        let mut other = bytes.clone();
        other[local + field] = value;
        assert!(read(&other).is_err(), "byte {field} of a local header as {value}");
    }
    // The same part as another zip writer writes it, with a different system, version and attributes.
    let stored = zip::write::SimpleFileOptions::default();
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer.start_file(ACTION, stored.compression_method(zip::CompressionMethod::Stored)).unwrap();
    std::io::Write::write_all(&mut writer, &vec![0; 1 << 20]).unwrap();
    let foreign = writer.finish().unwrap().into_inner();
    assert_eq!(read(&foreign), Err(BundleError::NotCanonical));
}

/// Refuses a file in which two parts have the same name, because different zip readers would pick different parts.
#[test]
fn a_name_that_stands_twice_is_refused_in_every_place() {
    let one = write(&Files::from([(ACTION.to_owned(), b"{}".to_vec())])).unwrap();
    let local = &one[..find(&one, "PK\x01\x02")[0]];
    for content in [b"{}".as_slice(), b"[]"] {
        let other = write(&Files::from([(ACTION.to_owned(), content.to_vec())])).unwrap();
        let twice = [local, other.as_slice()].concat();
        assert_eq!(read(&twice), Err(BundleError::NotCanonical));
    }
    // The central directory of the zip lists the same entry twice, but the file contains the entry once.
    let directory = &one[find(&one, "PK\x01\x02")[0]..one.len() - 22];
    let twice = [local, directory, directory, &one[one.len() - 22..]].concat();
    assert_eq!(read(&twice), Err(BundleError::NotCanonical));
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let names = [
        "/etc/passwd",
        "../action.json",
        "evidence/../action.json",
        "./action.json",
        "action.json/",
        "C:\\action.json",
        "evidence\\pre.json",
        "ACTION.JSON",
        "action.json\0",
        "action.json ",
        "evidence//pre.json",
        "é.json",
        "-1.tlog-proof",
        "1e0.tlog-proof",
        "+1.tlog-proof",
        "٠.tlog-proof",
    ];
    for name in names {
        let bytes = container::encode(&Files::from([(name.to_owned(), vec![1])]));
        assert!(matches!(read(&bytes), Err(BundleError::UnknownName(_))), "{name}");
    }
    // The name of a part is not UTF-8.
    let mut bytes = container::encode(&Files::from([("x".to_owned(), vec![])]));
    for at in find(&bytes, "x") {
        bytes[at] = 0xff;
    }
    assert_eq!(read(&bytes), Err(BundleError::NotCanonical));
}
