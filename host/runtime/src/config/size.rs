//! Sizes in `deed.toml`, such as `64MiB`.

use std::str::FromStr;

use serde::{Deserialize, Deserializer};

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(u64);

const UNITS: [(&str, u64); 4] =
    [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

impl Size {
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let bad = || SizeError(text.chars().take(40).collect());
        let end = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let (digits, unit) = text.split_at(end);
        let (_, factor) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(bad)?;
        let count: u64 = digits.parse().map_err(|_| bad())?;
        count.checked_mul(factor).map(Self).ok_or_else(bad)
    }
}

/// The value is not a valid size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a size; write a whole number and KiB, MiB, GiB or TiB")]
pub struct SizeError(String);

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_number_and_a_unit() {
        assert_eq!("64MiB".parse(), Ok(Size::mib(64)));
        assert_eq!("0KiB".parse::<Size>().unwrap().bytes(), 0);
        assert_eq!("3TiB".parse::<Size>().unwrap().bytes(), 3 << 40);
        for bad in ["", "64", "MiB", "64MB", "-1MiB", "1.5GiB", "64 MiB", "99999999999999TiB"] {
            assert_eq!(bad.parse::<Size>(), Err(SizeError(bad.to_owned())), "{bad}");
        }
    }
}
