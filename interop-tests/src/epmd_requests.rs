//! The requests of the EPMD protocol as bytes, correct ones and others: written out here, so that
//! no code under test has a part in them.

/// An ALIVE2 request, field by field.
#[derive(Clone, Debug)]
pub struct Alive {
    /// The port of the distribution.
    pub port: u16,
    /// 77 for a normal node, 72 for a hidden one.
    pub node_type: u8,
    /// 0 for TCP.
    pub protocol: u8,
    /// The highest version of the distribution protocol.
    pub high: u16,
    /// The lowest.
    pub low: u16,
    /// The name before the `@`.
    pub name: Vec<u8>,
    /// The extra field.
    pub extra: Vec<u8>,
    /// Bytes behind the extra field, inside the length.
    pub junk: Vec<u8>,
}

impl Alive {
    /// What a node of today sends for `name`.
    pub fn of(name: impl AsRef<[u8]>) -> Alive {
        Alive {
            port: 1234,
            node_type: 77,
            protocol: 0,
            high: 6,
            low: 6,
            name: name.as_ref().to_vec(),
            extra: Vec::new(),
            junk: Vec::new(),
        }
    }

    /// The same with another port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Alive {
        self.port = port;
        self
    }

    /// The same with other versions.
    #[must_use]
    pub fn versions(mut self, high: u16, low: u16) -> Alive {
        (self.high, self.low) = (high, low);
        self
    }

    /// The same with an extra field.
    #[must_use]
    pub fn extra(mut self, extra: impl AsRef<[u8]>) -> Alive {
        self.extra = extra.as_ref().to_vec();
        self
    }

    /// The same with bytes that the fields do not account for.
    #[must_use]
    pub fn junk(mut self, junk: impl AsRef<[u8]>) -> Alive {
        self.junk = junk.as_ref().to_vec();
        self
    }

    /// The body: the code and the fields.
    pub fn body(&self) -> Vec<u8> {
        let mut body = vec![b'x'];
        body.extend_from_slice(&self.port.to_be_bytes());
        body.extend_from_slice(&[self.node_type, self.protocol]);
        body.extend_from_slice(&self.high.to_be_bytes());
        body.extend_from_slice(&self.low.to_be_bytes());
        for field in [&self.name, &self.extra] {
            let len = u16::try_from(field.len()).expect("a field of less than 64 KiB");
            body.extend_from_slice(&len.to_be_bytes());
            body.extend_from_slice(field);
        }
        body.extend_from_slice(&self.junk);
        body
    }

    /// The request, framed.
    pub fn bytes(&self) -> Vec<u8> {
        framed(self.body())
    }
}

/// `body` behind its length.
///
/// # Panics
///
/// When it is longer than the length field can tell.
pub fn framed(body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let len = u16::try_from(body.len()).expect("a body of less than 64 KiB");
    [&len.to_be_bytes()[..], body].concat()
}

/// A PORT2 request.
pub fn port2(name: impl AsRef<[u8]>) -> Vec<u8> {
    framed([b"z", name.as_ref()].concat())
}

/// A NAMES request.
pub fn names() -> Vec<u8> {
    framed(b"n")
}

/// A DUMP request.
pub fn dump() -> Vec<u8> {
    framed(b"d")
}

/// A KILL request.
pub fn kill() -> Vec<u8> {
    framed(b"k")
}

/// A STOP request.
pub fn stop(name: impl AsRef<[u8]>) -> Vec<u8> {
    framed([b"s", name.as_ref()].concat())
}
