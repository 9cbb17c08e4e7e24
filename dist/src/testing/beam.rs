//! What does a BEAM send? Frames with atom caches and fragments, cut otherwise than this
//! implementation does.

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

use bytes::{BufMut, BytesMut};
use erland_etf::{Atom, Pid, Term, Writer};

use super::model::{self, Nodes};
use super::rng::Rng;
use crate::control::{Control, Op};
use crate::header::{FIRST_FRAGMENT, FRAGMENT, HEADER, VERSION};

/// The slots from here on are left to this sender when another one shares the stream with it.
pub(super) const FIRST_SLOT: u16 = 1024;

/// The sender's side of an atom cache, and its sequence ids.
#[derive(Debug)]
pub(super) struct Beam {
    /// 8 segments of 256 slots.
    slots: Vec<Option<Atom>>,
    sequence: u64,
}

/// A message that is on its way frame by frame.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) frames: VecDeque<Vec<u8>>,
    pub(super) control: Control,
    pub(super) payload: Term,
}

impl Beam {
    pub(super) fn new() -> Beam {
        Beam {
            slots: vec![None; 2048],
            // Far from those of the other sender.
            sequence: 1 << 63,
        }
    }

    /// A message to a registered name, in one frame or more, whose atoms are cache references if
    /// `cache` allows it.
    ///
    /// The cache is updated at once: the first frame must go out before that of the next message.
    pub(super) fn message(
        &mut self,
        rng: &mut Rng,
        nodes: &Nodes,
        cache: bool,
        fragments: bool,
    ) -> Message {
        let from = model::pid(rng, &nodes.from);
        let mut atoms = Vec::new();
        if cache && !rng.one_in(5) {
            let most = if rng.one_in(20) { 255 } else { 12 };
            let unused = Atom::inline("");
            atoms = vec![from.node().name().clone(), unused, model::atom(rng)];
            for _ in 0..rng.below(most - 2) {
                atoms.push(model::atom(rng));
            }
        }
        let header = self.header(rng, &atoms);
        let (name, control) = control_message(rng, &from, &atoms);
        let most = if rng.one_in(10) { 9_000 } else { 300 };
        let (payload, encoded) = payload(rng, &atoms, most);
        let frames = if fragments && rng.one_in(2) {
            self.fragments(rng, &header, &control, &encoded)
        } else {
            let lead = [VERSION, HEADER];
            VecDeque::from([frame(&[&lead, &header, &control, &encoded])])
        };
        Message {
            frames,
            control: Control::RegSend {
                from,
                name,
                token: None,
            },
            payload,
        }
    }

    /// `N, flags, refs` for these atoms in this order.
    fn header(&mut self, rng: &mut Rng, atoms: &[Atom]) -> Vec<u8> {
        let Ok(count) = u8::try_from(atoms.len()) else {
            return vec![0];
        };
        if count == 0 {
            return vec![0];
        }
        let long = rng.one_in(4) || atoms.iter().any(|atom| atom.as_bytes().len() > 255);
        let mut nibbles = Vec::new();
        let mut references = Vec::new();
        for atom in atoms {
            let known = self
                .slots
                .iter()
                .position(|slot| slot.as_ref() == Some(atom));
            let old = known.filter(|_| !rng.one_in(4));
            // Few slots, so that entries are replaced often, and none below `FIRST_SLOT`.
            let slot = old.unwrap_or_else(|| {
                let slot = if rng.one_in(2) {
                    FIRST_SLOT.into()
                } else {
                    2008
                };
                slot + rng.below(40) as usize
            });
            let [_, _, _, _, _, _, segment, index] = (slot as u64).to_be_bytes();
            references.push(index);
            nibbles.push(segment | if old.is_some() { 0 } else { 8 });
            if old.is_none() {
                let len = atom.as_bytes().len() as u16;
                if long {
                    references.put_u16(len);
                } else {
                    references.push(len as u8);
                }
                references.extend_from_slice(atom.as_bytes());
                if let Some(slot) = self.slots.get_mut(slot) {
                    *slot = Some(atom.clone());
                }
            }
        }
        nibbles.push(u8::from(long));
        let mut header = vec![count];
        header.extend(nibbles.chunks(2).map(|pair| match pair {
            [low, high] => low | high << 4,
            [low, ..] => *low,
            [] => 0,
        }));
        header.extend_from_slice(&references);
        header
    }

    fn fragments(
        &mut self,
        rng: &mut Rng,
        header: &[u8],
        control: &[u8],
        payload: &[u8],
    ) -> VecDeque<Vec<u8>> {
        self.sequence += rng.between(1, 1 << 40);
        let mut parts = Vec::new();
        let mut rest = payload;
        for _ in 0..rng.below(5) {
            let len = rng.below(rest.len() as u64 + 1) as usize;
            let (part, after) = rest.split_at_checked(len).unwrap_or((rest, &[]));
            parts.push(part);
            rest = after;
        }
        parts.push(rest);
        let count = parts.len() as u64;
        parts
            .iter()
            .zip(0..)
            .map(|(part, index)| {
                let first = index == 0;
                let mut lead = vec![VERSION, if first { FIRST_FRAGMENT } else { FRAGMENT }];
                lead.put_u64(self.sequence);
                lead.put_u64(count.saturating_sub(index));
                if first {
                    frame(&[&lead, header, control, part])
                } else {
                    frame(&[&lead, part])
                }
            })
            .collect()
    }
}

/// `{6, From, '', Name}`; with atoms, the first three are the names of node, cookie slot and
/// receiver.
fn control_message(rng: &mut Rng, from: &Pid, atoms: &[Atom]) -> (Atom, Vec<u8>) {
    let mut out = BytesMut::new();
    let mut writer = Writer::new(&mut out);
    writer.tuple_header(4);
    writer.integer(u64::from(Op::RegSend.number()));
    let name = match atoms {
        [_, _, name, ..] => {
            out.put_slice(&[88, 82, 0]);
            out.put_u32(from.id());
            out.put_u32(from.serial());
            out.put_u32(from.node().creation());
            out.put_slice(&[82, 1, 82, 2]);
            name.clone()
        }
        _ => {
            let name = model::atom(rng);
            writer.pid(from);
            writer.atom(&Atom::inline(""));
            writer.atom(&name);
            name
        }
    };
    (name, out.to_vec())
}

/// A tuple of references to all these atoms and a binary.
pub(super) fn payload(rng: &mut Rng, atoms: &[Atom], most: u64) -> (Term, Vec<u8>) {
    let len = rng.below(most) as usize;
    let binary = rng.bytes(8).repeat(len / 8 + 1);
    let binary = binary.get(..len).unwrap_or_default();
    let mut out = BytesMut::new();
    Writer::new(&mut out).tuple_header(atoms.len() as u32 + 1);
    for index in 0..atoms.len() {
        out.put_slice(&[82, index as u8]);
    }
    out.put_u8(109);
    out.put_u32(len as u32);
    out.put_slice(binary);
    let elements = atoms.iter().cloned().map(Term::from);
    let term = Term::tuple(elements.chain([Term::binary(binary)]));
    (term, out.to_vec())
}

/// A frame with its length in front.
fn frame(parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut frame = Vec::with_capacity(body.len() + 4);
    frame.put_u32(body.len() as u32);
    frame.extend_from_slice(&body);
    frame
}
