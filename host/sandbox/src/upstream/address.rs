//! Classifies IP addresses. Classes of addresses, which an operator can allow for an upstream. The host never connects
//! to an address that belongs to no class.
//!
//! An IPv4 address that is embedded in an IPv6 address counts as the IPv4 address.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// A class of addresses that an operator can allow an upstream to resolve to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressClass {
    Public,
    /// Addresses of RFC 1918, RFC 6598 (carrier-grade NAT) and RFC 4193 (unique local).
    Private,
    Loopback,
}

impl AddressClass {
    /// The name that the configuration uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Loopback => "loopback",
        }
    }

    /// The names of classes, as a binding records them.
    pub fn names(classes: &BTreeSet<Self>) -> Vec<String> {
        classes.iter().map(|class| class.as_str().to_owned()).collect()
    }
}

/// Addresses of metadata services, which return the machine's own credentials. The addresses are listed because they
/// would otherwise belong to a class that an operator can allow.
const METADATA_V4: [Ipv4Addr; 2] = [
    Ipv4Addr::new(100, 100, 100, 200), // Alibaba Cloud, in the CGNAT block
    Ipv4Addr::new(168, 63, 129, 16),   // Azure's wire server, a public address
];
/// Whether a unique local address belongs to a metadata service of AWS (all of its local services), Oracle, Scaleway or
/// Google.
fn is_metadata_v6(segments: [u16; 8]) -> bool {
    matches!(
        segments,
        [0xfd00, 0xec2, ..]
            | [0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe]
            | [0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42]
            | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]
    )
}

/// The class of an address; `None` for link-local, metadata, multicast, unspecified, documentation and reserved
/// addresses (IANA special-purpose address registries, RFC 6890).
pub fn classify(address: IpAddr) -> Option<AddressClass> {
    match canonical(address) {
        IpAddr::V4(v4) => classify_v4(v4),
        IpAddr::V6(v6) => classify_v6(v6),
    }
}

/// Replaces IPv4-mapped (RFC 4291 section 2.5.5.2), NAT64 (RFC 6052 section 2.1) and 6to4 (RFC 3056) addresses with the
/// embedded IPv4 address.
fn canonical(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let embedded = match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => (u32::from(high) << 16) | u32::from(low),
        _ => return address,
    };
    IpAddr::V4(Ipv4Addr::from_bits(embedded))
}

fn classify_v4(address: Ipv4Addr) -> Option<AddressClass> {
    if METADATA_V4.contains(&address) {
        return None;
    }
    match address.octets() {
        [127, ..] => Some(AddressClass::Loopback),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => {
            Some(AddressClass::Private)
        }
        _ if is_special_v4(address) => None,
        _ => Some(AddressClass::Public),
    }
}

/// Whether an address is reserved for "this network", link-local and metadata use, protocol assignments, documentation,
/// 6to4 relays, benchmarks, multicast, future use or broadcast.
fn is_special_v4(address: Ipv4Addr) -> bool {
    matches!(
        address.octets(),
        [0 | 224..=255, ..]
            | [169, 254, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
    )
}

fn classify_v6(address: Ipv6Addr) -> Option<AddressClass> {
    match address.segments() {
        segments if is_metadata_v6(segments) => None,
        [0, 0, 0, 0, 0, 0, 0, 1] => Some(AddressClass::Loopback),
        [0xfc00..=0xfdff, ..] => Some(AddressClass::Private),
        // Protocol assignments (2001::/23, including Teredo) and documentation addresses (RFC 3849, RFC 9637).
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => None,
        // All global unicast addresses that IANA has assigned are in 2000::/3.
        [0x2000..=0x3fff, ..] => Some(AddressClass::Public),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<AddressClass> {
        classify(text.parse().unwrap())
    }

    #[test]
    fn classes_that_may_be_allowed() {
        for text in
            ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2001:4860:4860::8888"]
        {
            assert_eq!(of(text), Some(AddressClass::Public), "{text}");
        }
        for text in [
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "fd12::1",
            "fc00::1",
        ] {
            assert_eq!(of(text), Some(AddressClass::Private), "{text}");
        }
        for text in ["127.0.0.1", "127.255.255.254", "::1"] {
            assert_eq!(of(text), Some(AddressClass::Loopback), "{text}");
        }
    }

    #[test]
    fn never_dialled() {
        let never = [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "169.254.0.1",
            "192.0.0.192",
            "192.0.2.1",
            "198.51.100.7",
            "203.0.113.9",
            "198.18.0.1",
            "198.19.255.255",
            "192.88.99.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "100.100.100.200",
            "168.63.129.16",
            "::",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd00:c1::a9fe:a9fe",
            "fd00:42::42",
            "fd20:ce::254",
            "::ffff:0:7f00:1",
            "2001:db8::1",
            "2001::1",
            "3fff::1",
            "100::1",
            "64:ff9b:1::1",
            "::7f00:1",
        ];
        for text in never {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn embedded_addresses_count_as_what_they_lead_to() {
        assert_eq!(of("::ffff:127.0.0.1"), Some(AddressClass::Loopback));
        assert_eq!(of("::ffff:10.0.0.1"), Some(AddressClass::Private));
        assert_eq!(of("::ffff:169.254.169.254"), None);
        assert_eq!(of("64:ff9b::a9fe:a9fe"), None);
        assert_eq!(of("64:ff9b::127.0.0.1"), Some(AddressClass::Loopback));
        assert_eq!(of("2002:7f00:1::1"), Some(AddressClass::Loopback));
        assert_eq!(of("2002:a9fe:a9fe::"), None);
        assert_eq!(of("64:ff9b::808:808"), Some(AddressClass::Public));
    }
}
