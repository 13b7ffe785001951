//! Who is at the other end of a connection, as far as limits are concerned: an address, or of IPv6 the network that one
//! household has. What proxies say of their clients is not believed. Knows no limit.

use std::net::{IpAddr, Ipv6Addr};

/// Someone who connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Peer(IpAddr);

/// The part of an IPv6 address that a household shares: a /64.
const NETWORK: u128 = !0 << 64;

impl Peer {
    /// Whoever has this address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) if !v6.is_loopback() => {
                Self(Ipv6Addr::from_bits(v6.to_bits() & NETWORK).into())
            }
            other => Self(other),
        }
    }

    /// The address, of IPv6 the network.
    #[must_use]
    pub fn address(self) -> IpAddr {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_household_is_one_however_many_addresses_it_has() {
        let peer = |text: &str| Peer::of(text.parse().unwrap());
        assert_eq!(peer("2001:db8::1"), peer("2001:db8::ffff:2"));
        assert_ne!(peer("2001:db8::1"), peer("2001:db8:0:1::1"));
        assert_ne!(peer("192.0.2.1"), peer("192.0.2.2"));
        assert_eq!(peer("::ffff:192.0.2.1"), peer("192.0.2.1"));
        assert_eq!(peer("::1").address(), IpAddr::from(Ipv6Addr::LOCALHOST));
    }
}
