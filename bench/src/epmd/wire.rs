//! The few messages that the load is made of.
//!
//! They are written here anew: with the codec of `erland-epmd` on both ends, what that codec has
//! wrong would go unnoticed.

use std::net::{Ipv4Addr, SocketAddr};

/// How many loopback addresses the connections are spread over.
///
/// A closed connection keeps its pair of addresses and ports for a minute (TIME_WAIT), and one
/// address has some 28,000 ports to connect from.
const ADDRESSES: usize = 16;

/// Where connection number `turn` to the daemon on `port` goes.
pub fn address(port: u16, turn: usize) -> SocketAddr {
    let last = 1 + u8::try_from(turn % ADDRESSES).unwrap_or_default();
    SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), port))
}

/// NAMES_REQ.
pub const NAMES: &[u8] = &[0, 1, b'n'];

/// A name, and what is said of it.
#[derive(Clone, Debug)]
pub struct Name {
    pub text: String,
    /// ALIVE2_REQ.
    pub register: Vec<u8>,
    /// PORT2_REQ.
    pub look_up: Vec<u8>,
    /// The PORT2_RESP that is to come.
    pub found: Vec<u8>,
}

impl Name {
    pub fn new(number: usize) -> Self {
        let text = format!("node-{number:06}");
        let port = u16::try_from(10_000 + number % 50_000).unwrap_or_default();
        let mut node = port.to_be_bytes().to_vec();
        // A normal node, TCP over IP, distribution 6 to 6, the name, no extra field.
        node.extend([77, 0, 0, 6, 0, 6]);
        node.extend(u16::try_from(text.len()).unwrap_or_default().to_be_bytes());
        node.extend(text.as_bytes());
        node.extend([0, 0]);
        Self {
            register: packet(b'x', &node),
            look_up: packet(b'z', text.as_bytes()),
            found: [&[119, 0], node.as_slice()].concat(),
            text,
        }
    }

    pub fn range(first: usize, count: usize) -> Vec<Self> {
        (first..first + count).map(Self::new).collect()
    }
}

fn packet(code: u8, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(1 + body.len()).unwrap_or_default();
    [&len.to_be_bytes(), [code].as_slice(), body].concat()
}

/// The creation in an ALIVE2_X_RESP that grants the name.
pub fn creation(reply: &[u8; 6]) -> Result<u32, String> {
    match *reply {
        [118, 0, a, b, c, d] if u32::from_be_bytes([a, b, c, d]) >= 4 => {
            Ok(u32::from_be_bytes([a, b, c, d]))
        }
        _ => Err(format!("answered {reply:?} to a registration")),
    }
}

/// The names in the reply to NAMES_REQ of the daemon on `port`, in its order.
pub fn names(reply: &[u8], port: u16) -> Result<Vec<&str>, String> {
    let (head, lines) = reply.split_at_checked(4).ok_or("no reply to NAMES")?;
    if head != u32::from(port).to_be_bytes() {
        return Err(format!("the reply to NAMES begins with {head:?}"));
    }
    let lines = str::from_utf8(lines).map_err(|error| error.to_string())?;
    let name = |line: &'_ str| -> Option<usize> {
        let rest = line.strip_prefix("name ")?;
        rest.split_once(" at port ").map(|(name, _)| name.len())
    };
    lines
        .lines()
        .map(|line| {
            let len = name(line).ok_or_else(|| format!("{line:?} in the reply to NAMES"))?;
            Ok(&line["name ".len()..][..len])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_those_of_the_documentation() {
        let name = Name::new(7);
        assert_eq!(name.text, "node-000007");
        assert_eq!(
            name.register,
            b"\x00\x18x\x27\x17M\x00\x00\x06\x00\x06\x00\x0bnode-000007\x00\x00"
        );
        assert_eq!(name.look_up, b"\x00\x0cznode-000007");
        assert_eq!(
            name.found,
            b"w\x00\x27\x17M\x00\x00\x06\x00\x06\x00\x0bnode-000007\x00\x00"
        );
    }

    #[test]
    fn replies_are_looked_into() {
        assert_eq!(creation(&[118, 0, 0, 0, 1, 0]), Ok(256));
        assert!(creation(&[118, 0, 0, 0, 0, 3]).is_err());
        assert!(creation(&[118, 1, 0, 0, 0, 99]).is_err());
        let reply = b"\0\0\x11\x11name a at port 1\nname b at port 2\n";
        assert_eq!(names(reply, 4369), Ok(vec!["a", "b"]));
        assert!(names(reply, 4370).is_err());
        assert!(names(b"\0\0\x11\x11nome a at port 1\n", 4369).is_err());
    }
}
