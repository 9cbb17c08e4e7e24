//! Bytes to a live node and back, inside ordinary messages: much data in few round trips.

use erland::{Node, Term, atom};

use crate::erl::Erl;
use crate::probe::{Probe, name_of};
use crate::world::World;

/// A live node with a way for binaries to and from its evaluator.
#[derive(Debug)]
pub struct Exchange {
    /// The live node.
    pub erl: Erl,
    node: Node,
    probe: Probe,
}

impl Exchange {
    /// A live node of this world and a node of ours, connected.
    pub async fn start(world: &World) -> Exchange {
        let node = world.node("rust").await;
        let erl = world.erl("erl").await;
        let probe = Probe::start(&node);
        Exchange { erl, node, probe }
    }

    /// What `expression`, in which `In` is a binary of these pieces, each behind its length in 32
    /// bits, evaluates to.
    pub async fn ask<P: AsRef<[u8]>>(&mut self, pieces: &[P], expression: &str) -> Term {
        let mut bytes = Vec::new();
        for piece in pieces.iter().map(AsRef::as_ref) {
            let len = u32::try_from(piece.len()).expect("a piece of less than 4 GiB");
            bytes.extend_from_slice(&len.to_be_bytes());
            bytes.extend_from_slice(piece);
        }
        let evaluator = (atom!("evaluator"), name_of(self.erl.name()));
        self.node
            .send(evaluator, Term::binary(bytes))
            .await
            .expect("a binary can be sent");
        let expression =
            format!("(fun(In) -> begin {expression} end end)(erland_helper:reply(20000))");
        self.probe.learn(&self.erl, &expression).await
    }
}

/// The pieces of a binary in which each is behind its length in 32 bits.
///
/// # Panics
///
/// When it is something else.
pub fn pieces(bytes: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while let Some((len, behind)) = rest.split_first_chunk() {
        let len = u32::from_be_bytes(*len) as usize;
        let (piece, behind) = behind.split_at(len);
        pieces.push(piece);
        rest = behind;
    }
    assert!(rest.is_empty(), "a piece without a length");
    pieces
}
