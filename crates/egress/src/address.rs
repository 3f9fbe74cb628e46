//! Public and private addresses (IANA's registries of special-purpose addresses).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Addresses of metadata services outside the link-local networks: Alibaba Cloud, Amazon and Google. They hand out
/// credentials of the machine.
const METADATA: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// The same of Azure, which has an address of the internet.
const AZURE_METADATA: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

/// Whether an address is public, or private and in one of `networks`.
pub(crate) fn is_allowed(networks: &[IpNet], address: IpAddr) -> bool {
    let reached = reached(address);
    is_global(reached)
        || networks.iter().any(|network| network.contains(&reached) || network.contains(&address))
}

/// Whether an address is one of the internet, wherever it is written.
pub(crate) fn is_public(address: IpAddr) -> bool {
    is_global(reached(address))
}

/// Whether an address belongs to a private network, as Services and Pods of a cluster have them (RFC 1918, RFC 4193 and
/// the shared addresses of RFC 6598). Loopback, link-local addresses and metadata services do not.
pub(crate) fn is_internal(address: IpAddr) -> bool {
    let reached = reached(address);
    let is_private = match reached {
        IpAddr::V4(v4) => v4.is_private() || is_shared(v4),
        IpAddr::V6(v6) => v6.is_unique_local(),
    };
    is_private && !METADATA.contains(&reached)
}

/// The address that is reached: the IPv4 address inside an IPv6 address that embeds one. These are mapped
/// (RFC 4291), compatible (the same), translated (RFC 6052) and 6to4 (RFC 3056) addresses.
fn reached(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let joined = |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => joined(high, low),
        // `::` and `::1` are their own.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => joined(high, low),
        _ => address,
    }
}

/// Whether an address is one of the internet.
fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_global_v4(v4),
        IpAddr::V6(v6) => is_global_v6(v6),
    }
}

fn is_global_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || is_shared(address)
        || address == AZURE_METADATA
        // In this order: "this network", for protocols, for benchmarks, and reserved, with the broadcast address at the
        // end.
        || a == 0
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b))
        || a >= 240;
    !special
}

/// Whether an address is one that carriers share among customers, and some clusters among Pods.
fn is_shared(address: Ipv4Addr) -> bool {
    matches!(address.octets(), [100, 64..128, ..])
}

fn is_global_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // Only 2000::/3 is assigned. Two parts of it are not for hosts: one for protocols, one for documentation.
    let assigned = first & 0xe000 == 0x2000;
    let special = match first {
        0x2001 => second < 0x200 || second == 0xdb8,
        0x3fff => second < 0x1000,
        _ => false,
    };
    assigned && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        for public in ["1.1.1.1", "100.63.0.1", "100.128.0.1", "172.32.0.1", "198.20.0.1", "2606:4700::1111"]
        {
            assert!(is_allowed(&[], public.parse().unwrap()), "{public}");
        }
        for private in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "168.63.129.16",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::2",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "fc00::1",
            "fdff::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "3fff::1",
            "100::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:100.64.0.1",
            "::ffff:0.0.0.0",
            "::ffff:255.255.255.255",
            "::ffff:224.0.0.1",
            "::ffff:192.0.2.1",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a00:1::",
        ] {
            assert!(!is_allowed(&[], private.parse().unwrap()), "{private}");
        }
        for public in ["::ffff:1.1.1.1", "64:ff9b::1.1.1.1"] {
            assert!(is_allowed(&[], public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn an_internal_address_is_one_of_a_private_network() {
        for (address, expected) in [
            ("10.0.0.1", true),
            ("172.16.0.1", true),
            ("192.168.1.1", true),
            ("100.64.0.1", true),
            ("fd00::1", true),
            ("fc00::1", true),
            ("::ffff:10.0.0.1", true),
            ("64:ff9b::10.0.0.1", true),
            // Public ones are allowed anyway.
            ("1.1.1.1", false),
            ("127.0.0.1", false),
            ("::1", false),
            ("::ffff:127.0.0.1", false),
            ("0.0.0.0", false),
            ("::", false),
            ("169.254.169.254", false),
            ("169.254.0.1", false),
            ("::ffff:169.254.169.254", false),
            ("fe80::1", false),
            ("100.100.100.200", false),
            ("::ffff:100.100.100.200", false),
            ("fd00:ec2::254", false),
            ("fd20:ce::254", false),
            ("168.63.129.16", false),
            ("198.18.0.1", false),
            ("224.0.0.1", false),
            ("ff02::1", false),
            ("255.255.255.255", false),
        ] {
            assert_eq!(is_internal(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn a_network_that_is_allowed_is_allowed_in_every_form() {
        let networks = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        for (address, allowed) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("fd12::1", true),
            ("11.0.0.1", true),
            ("172.16.0.1", false),
            ("fc00::1", false),
            ("::ffff:127.0.0.1", false),
        ] {
            assert_eq!(is_allowed(&networks, address.parse().unwrap()), allowed, "{address}");
        }
    }
}
