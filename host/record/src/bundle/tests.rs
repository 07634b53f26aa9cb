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
