//! The zip container. This module writes parts as an uncompressed zip, and reads parts from the local headers of a zip.
//!
//! The reader checks only that the fields lie within the file, and that names are UTF-8 and unique. The caller finds
//! all other faults by writing the parts again and comparing the bytes.

use std::sync::LazyLock;

use super::Files;

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
/// The version needed to read an uncompressed file is 1.0 (APPNOTE 4.4.3). The zip field "version made by" also has the
/// value 1.0, with host system 0.
const VERSION: u16 = 10;
/// 1980-01-01 as an MS-DOS date, the earliest date that a zip can hold.
const DATE: u16 = 0x0021;
/// Bytes in a local header before the sizes: version, flags, method, time, date, CRC-32.
const BEFORE_SIZES: usize = 14;

/// Encodes parts as a zip. Sizes cannot overflow 32 bits, because the caller limits the size of each part and of the
/// file.
pub(super) fn encode(files: &Files) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let common = common(name, content);
        directory.extend(CENTRAL);
        directory.extend(VERSION.to_le_bytes());
        directory.extend(&common);
        // Ten zero bytes: no comment, disk 0 and no attributes. The offset of the local header follows them.
        directory.extend([0; 10]);
        directory.extend(length(out.len()).to_le_bytes());
        directory.extend(name.as_bytes());
        out.extend(LOCAL);
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(content);
    }
    let start = length(out.len());
    let count = u16::try_from(files.len()).unwrap_or(u16::MAX).to_le_bytes();
    let size = length(directory.len());
    out.extend(directory);
    out.extend(END);
    out.extend([0; 4]);
    out.extend([count, count].concat());
    out.extend([size.to_le_bytes(), start.to_le_bytes()].concat());
    out.extend([0; 2]);
    out
}

/// Reads the names and contents of all parts. Returns `None` when a header is truncated, or a name is not UTF-8 or
/// occurs twice.
pub(super) fn decode(bytes: &[u8]) -> Option<Files> {
    let (mut files, mut rest) = (Files::new(), bytes);
    while let Some(header) = rest.strip_prefix(&LOCAL) {
        let (_, header) = header.split_at_checked(BEFORE_SIZES)?;
        let (size, header) = number::<4>(header)?;
        let (_, header) = number::<4>(header)?;
        let (name_size, header) = number::<2>(header)?;
        let (_, header) = number::<2>(header)?;
        let (name, header) = header.split_at_checked(name_size)?;
        let (content, after) = header.split_at_checked(size)?;
        let name = std::str::from_utf8(name).ok()?.to_owned();
        if files.insert(name, content.to_vec()).is_some() {
            return None;
        }
        rest = after;
    }
    Some(files)
}

/// The fields that the local and the central header share, from the version to the extra field length (APPNOTE 4.3.7).
fn common(name: &str, content: &[u8]) -> Vec<u8> {
    let size = length(content.len()).to_le_bytes();
    let name_size = u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes();
    let mut out = VERSION.to_le_bytes().to_vec();
    // The six zero bytes mean no flags, method 0 (uncompressed) and the time 00:00.
    out.extend([0; 6]);
    out.extend(DATE.to_le_bytes());
    out.extend(crc32(content).to_le_bytes());
    out.extend([size, size].concat());
    out.extend(name_size);
    out.extend([0; 2]);
    out
}

fn length(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

/// A little-endian number of `N` bytes, and the bytes after it.
fn number<const N: usize>(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (digits, rest) = bytes.split_first_chunk::<N>()?;
    Some((digits.iter().rev().fold(0, |sum, digit| (sum << 8) | usize::from(*digit)), rest))
}

/// CRC-32 of ISO 3309, which zip requires. The checksum is written for standard zip tools; the reader of this module
/// does not rely on it.
fn crc32(bytes: &[u8]) -> u32 {
    // The table is looked up once and not for each byte, which a build without optimisation would do.
    let table: &[u32; 256] = &BYTES;
    let step = |crc: u32, byte: &u8| {
        let [low, ..] = crc.to_le_bytes();
        (crc >> 8) ^ table.get(usize::from(low ^ byte)).copied().unwrap_or_default()
    };
    !bytes.iter().fold(u32::MAX, step)
}

/// The CRC-32 lookup table, with one entry for each byte value.
static BYTES: LazyLock<[u32; 256]> = LazyLock::new(|| {
    let bit = |crc: u32| (crc >> 1) ^ (0xEDB8_8320 & 0_u32.wrapping_sub(crc & 1));
    let byte = |crc: usize| (0..8).fold(u32::try_from(crc).unwrap_or_default(), |crc, _| bit(crc));
    std::array::from_fn(byte)
});

#[cfg(test)]
mod tests {
    #[test]
    fn crc_has_its_check_value() {
        assert_eq!(super::crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(super::crc32(b""), 0);
        let all: Vec<u8> = (0..=u8::MAX).collect();
        assert_eq!(super::crc32(&all), 0x2905_8C73);
    }
}
