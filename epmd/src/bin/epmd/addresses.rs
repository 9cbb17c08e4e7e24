//! On which addresses the daemon listens, by the rules of OTP 29.
//!
//! A list names addresses, never hosts. The loopback addresses of both families are always bound
//! as well, unless the list already has the loopback or the any-address of that family. (OTP 25
//! and 27 add them even then, so that a list with an any-address clashes with itself.)

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// As many as OTP 29 takes beside the two loopback addresses.
const MAX_LISTED: usize = 13;

/// One address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listen {
    pub(crate) address: IpAddr,
    /// Nobody asked for it: the daemon does without where the system has no such address.
    pub(crate) implicit: bool,
}

/// Why a list cannot be used; the text is OTP's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadList {
    #[error("cannot parse IP address \"{0}\"")]
    Address(String),
    #[error("cannot listen on more than {max} IP addresses", max = MAX_LISTED + 1)]
    TooMany,
}

/// The addresses that a list asks for; with an empty list, or none, all there are.
pub(crate) fn listen_on(list: Option<&str>) -> Result<Vec<Listen>, BadList> {
    let mut addresses = Vec::new();
    for text in elements(list.unwrap_or_default()) {
        let address = text
            .parse()
            .map_err(|_| BadList::Address(text.to_owned()))?;
        if addresses.len() == MAX_LISTED {
            return Err(BadList::TooMany);
        }
        addresses.push(Listen {
            address,
            implicit: false,
        });
    }
    let families: [[IpAddr; 2]; 2] = [
        [Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::LOCALHOST.into()],
        [Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::LOCALHOST.into()],
    ];
    let any = addresses.is_empty();
    for [unspecified, loopback] in families {
        let covered = |listen: &Listen| [unspecified, loopback].contains(&listen.address);
        if !addresses.iter().any(covered) {
            addresses.push(Listen {
                address: if any { unspecified } else { loopback },
                implicit: true,
            });
        }
    }
    Ok(addresses)
}

/// The parts between commas and spaces, however many of those there are.
fn elements(list: &str) -> impl Iterator<Item = &str> {
    list.split([',', ' ']).filter(|element| !element.is_empty())
}

/// A list of ranges such as `10.0.0.0/8` and of single addresses; `None` if it is empty or one of
/// its parts is neither.
pub(crate) fn prefixes(list: &str) -> Option<Vec<IpNet>> {
    let prefix = |text: &str| {
        let single = || text.parse::<IpAddr>().map(IpNet::from);
        text.parse().or_else(|_| single()).ok()
    };
    let prefixes: Vec<_> = elements(list).map(prefix).collect::<Option<_>>()?;
    (!prefixes.is_empty()).then_some(prefixes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The list as text; an implicit address in parentheses.
    fn bound(list: &str) -> Result<String, BadList> {
        let shown = listen_on(Some(list))?.into_iter().map(|listen| {
            let address = listen.address;
            if listen.implicit {
                format!("({address})")
            } else {
                address.to_string()
            }
        });
        Ok(shown.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn no_list_and_an_empty_list_mean_every_address() {
        let any = listen_on(None).unwrap();
        for list in ["", ",", " , "] {
            assert_eq!(listen_on(Some(list)).unwrap(), any, "{list:?}");
            assert_eq!(bound(list).unwrap(), "(0.0.0.0) (::)", "{list:?}");
        }
    }

    #[test]
    fn loopback_is_added_for_each_family_that_does_not_have_it() {
        for (list, expected) in [
            ("127.0.0.1", "127.0.0.1 (::1)"),
            ("127.0.0.2", "127.0.0.2 (127.0.0.1) (::1)"),
            ("0.0.0.0", "0.0.0.0 (::1)"),
            ("::", ":: (127.0.0.1)"),
            ("0.0.0.0,::", "0.0.0.0 ::"),
            ("::1", "::1 (127.0.0.1)"),
            ("127.0.0.2, ,::1", "127.0.0.2 ::1 (127.0.0.1)"),
            ("127.0.0.2 10.1.1.1", "127.0.0.2 10.1.1.1 (127.0.0.1) (::1)"),
        ] {
            assert_eq!(bound(list).unwrap(), expected, "{list}");
        }
    }

    #[test]
    fn names_are_no_addresses() {
        for (list, culprit) in [
            ("localhost", "localhost"),
            ("127.0.0.1,bogus", "bogus"),
            ("127.0.0", "127.0.0"),
        ] {
            let error = bound(list).unwrap_err();
            assert_eq!(error, BadList::Address(culprit.to_owned()));
            let text = format!("cannot parse IP address \"{culprit}\"");
            assert_eq!(error.to_string(), text);
        }
    }

    #[test]
    fn thirteen_addresses_may_be_listed() {
        let list = |count| {
            let addresses: Vec<_> = (2..2 + count)
                .map(|last| format!("127.0.0.{last}"))
                .collect();
            addresses.join(",")
        };
        assert_eq!(listen_on(Some(&list(13))).unwrap().len(), 15);
        let error = listen_on(Some(&list(14))).unwrap_err();
        assert_eq!(error, BadList::TooMany);
        assert_eq!(
            error.to_string(),
            "cannot listen on more than 14 IP addresses",
            "which is what OTP 29 says of its 13"
        );
    }

    #[test]
    fn a_prefix_is_an_address_with_or_without_a_length() {
        let prefixes = prefixes("10.0.0.0/8, 192.168.1.7,fd00::/8 ::1").unwrap();
        let bits: Vec<_> = prefixes.iter().map(IpNet::prefix_len).collect();
        assert_eq!(bits, [8, 32, 8, 128]);
        for list in [
            "",
            ",",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "host/8",
            "10/8",
            "::1/x",
        ] {
            assert_eq!(super::prefixes(list), None, "{list:?}");
        }
    }
}
