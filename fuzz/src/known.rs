//! The differences between erland and a release that are known, and how a case shows that it is
//! one of them and nothing else.
//!
//! Each is a rule that rewrites exactly the bytes the two read differently into bytes that they
//! have no reason to. A disagreement is known only if, once rewritten, both accept the input and
//! find the same term. The reasons are in docs/protocol-notes.md.

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::BytesMut;
use erland_etf::{
    Atom, DecodeErrorKind, FunParts, NodeId, NodeParts, Pid, Port, Reader, Reference, Token,
    Writer, from_slice,
};

use crate::{tokens, zlib};

/// Integers of one word in OTP.
const SMALL: std::ops::Range<i64> = -(1 << 59)..1 << 59;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Known {
    /// The arity of an external fun is an integer above 255. OTP does not look.
    ExportArity,
    /// Tags 73 and 75: an index into the atom table of the virtual machine, for tables of ETS.
    AtomIndex,
    /// The text of FLOAT_EXT has no NUL in its 31 bytes. OTP reads on behind them.
    UnterminatedFloat,
    /// BIT_BINARY_EXT of no bytes and no bits is `<<>>` in OTP 25.
    EmptyBitString,
    /// OTP 25 takes any term for the pid of a fun.
    FunCreator,
    /// A reference of no words. OTP reads a word all the same, so what follows is misread.
    EmptyReference,
    /// LOCAL_EXT, which its maker alone can read. erland keeps it as it is.
    Local,
    /// A native record, which releases before 29 do not know.
    Record,
    /// A pid, port or reference of the virtual machine itself, with numbers that it never gave.
    OwnIdentifier,
    /// Funs that differ in their arity or the digest of their module alone. By the order of terms,
    /// and so as keys of a map of up to 32, they are one in OTP; by `=:=` in OTP 25 only. Or in
    /// their old uniq alone, which OTP 29 takes from the first such fun that it has seen.
    SimilarFuns,
    /// A reference of another node with one, two or four words. As keys of a map of more than 32
    /// equal ones may differ in OTP 25, even decoded from the same bytes.
    ShortReference,
    /// `0.0` and `-0.0` are the same before OTP 27, so also as keys of a map.
    NegativeZero,
}

/// An input rewritten so that nothing known is left in it, and what was.
#[derive(Clone, Debug)]
pub struct Rewritten {
    pub input: Vec<u8>,
    pub known: Vec<Known>,
}

/// Whether the release must not be given this input, because it may not survive it: an arity above
/// 255 ends OTP 27, and a misread term any release.
pub fn fatal(input: &[u8], release: u32) -> bool {
    let (readable, found) = readable(input, release);
    if (26..29).contains(&release) && found.contains(&Known::ExportArity) {
        return true;
    }
    let mut empty = false;
    let body = readable.get(1..).unwrap_or_default();
    // OTP reads in this order, so what is behind an error is out of its reach too.
    let read = tokens::each(body, |token, _| empty |= is_empty_reference(&token));
    empty || read.is_err_and(|error| error.kind() == DecodeErrorKind::ReferenceLength(0))
}

fn is_empty_reference(token: &Token<'_>) -> bool {
    matches!(token, Token::Reference(reference) if reference.words().len() == 0)
}

/// The attempts to explain a disagreement, the fewest differences first.
pub fn attempts(input: &[u8], release: u32) -> Vec<Rewritten> {
    let (readable, found) = readable(input, release);
    let mut attempts: Vec<Rewritten> = Vec::new();
    for bits in 0..16 {
        let optional = Optional {
            own: bits & 1 != 0,
            zero: bits & 2 != 0,
            funs: bits & 4 != 0,
            short: bits & 8 != 0,
        };
        let mut known = found.clone();
        let body = readable.get(1..).unwrap_or_default();
        let body = tokens::replace(body, |token| {
            let (class, bytes) = rewrite(token, release, optional)?;
            known.push(class);
            Some(bytes)
        });
        known.sort_unstable();
        known.dedup();
        let mut plain = [&[131], &body[..]].concat();
        if zlib::inflate(input).is_some() {
            plain = zlib::deflate(&plain);
        }
        if !known.is_empty() && attempts.iter().all(|attempt| attempt.known != known) {
            attempts.push(Rewritten {
                input: plain,
                known,
            });
        }
    }
    attempts.sort_by_key(|attempt| attempt.known.len());
    attempts
}

/// The input, inflated, without what OTP reads and erland refuses.
fn readable(input: &[u8], release: u32) -> (Vec<u8>, Vec<Known>) {
    let plain = zlib::inflate(input);
    let (mut input, mut found) = (plain.unwrap_or_else(|| input.to_vec()), Vec::new());
    // Each round takes one away.
    while let Some((kind, offset)) = fault(&input, release) {
        let rewritten = match kind {
            DecodeErrorKind::ExportArity => small_arity(&input, offset),
            DecodeErrorKind::Float => terminated_float(&input, offset),
            DecodeErrorKind::BitString if release < 27 => empty_binary(&input, offset),
            DecodeErrorKind::Fun if release < 27 => fun_of_a_pid(&input, offset),
            DecodeErrorKind::UnknownTag(73 | 75) => named_atom(&input, offset),
            DecodeErrorKind::NotAnAtom(73 | 75) => (offset..input.len())
                .filter(|place| matches!(input[*place], 73 | 75))
                .find(|place| {
                    // Is it this byte that it complains of?
                    let mut probe = input.clone();
                    probe[*place] = 255;
                    fault(&probe, release) == Some((DecodeErrorKind::NotAnAtom(255), offset))
                })
                .and_then(|place| named_atom(&input, place)),
            _ => None,
        };
        let Some((class, rewritten)) = rewritten.filter(|(_, rewritten)| *rewritten != input)
        else {
            break;
        };
        found.push(class);
        input = rewritten;
    }
    (input, found)
}

/// Why erland refuses the input, and the tag of the term that is the reason.
fn fault(input: &[u8], release: u32) -> Option<(DecodeErrorKind, usize)> {
    let error = from_slice(input).err()?;
    let (mut kind, mut offset) = (error.kind(), error.offset());
    loop {
        // Empty lists in front of a term are part of it.
        while input[offset..].starts_with(&[108, 0, 0, 0, 0]) {
            offset += 5;
        }
        // What is wrong may be inside the term that OTP 25 takes for a creator.
        let inside = (kind == DecodeErrorKind::Fun && release < 27)
            .then(|| creator(input, offset))
            .flatten()
            .and_then(|start| Some((start, Reader::new(&input[start..]).skip().err()?)));
        let Some((start, error)) = inside else {
            return Some((kind, offset));
        };
        (kind, offset) = (error.kind(), start + error.offset());
    }
}

/// Arity 0 for one above 255 in the EXPORT_EXT that starts here, in as many bytes, and a function
/// whose name stands for both, so that funs that differ go on to do so.
fn small_arity(input: &[u8], offset: usize) -> Option<(Known, Vec<u8>)> {
    let parts = input.get(offset..)?.strip_prefix(&[113])?;
    let mut reader = Reader::new(parts);
    reader.read_atom().ok()?;
    let function = reader.position();
    let name = reader.read_atom().ok()?;
    let start = reader.position();
    let arity = reader.read_i64().ok()?;
    if !(256..SMALL.end).contains(&arity) {
        return None;
    }
    let mut hash = DefaultHasher::new();
    (name.as_str(), arity).hash(&mut hash);
    let len = name.as_str().len().min(255);
    let mut renamed = BytesMut::new();
    Writer::new(&mut renamed).atom(&atom(&format!("{:_<len$}", hash.finish())));
    let mut integer = parts[start..reader.position()].to_vec();
    let mut number = &mut integer[..];
    while let [108, 0, 0, 0, 0, behind @ ..] = number {
        number = behind;
    }
    match number {
        // The number, or behind the length and the sign.
        [98, number @ ..] | [110, _, _, number @ ..] | [111, _, _, _, _, _, number @ ..] => {
            number.fill(0);
        }
        _ => return None,
    }
    let before = &input[..=offset + function];
    let rewritten = [before, &renamed, &integer, reader.remaining()].concat();
    Some((Known::ExportArity, rewritten))
}

/// Another number for the FLOAT_EXT without an end that starts here.
fn terminated_float(input: &[u8], offset: usize) -> Option<(Known, Vec<u8>)> {
    let mut rewritten = input.to_vec();
    let [99, text @ ..] = rewritten.get_mut(offset..)? else {
        return None;
    };
    let text = text.first_chunk_mut::<31>()?;
    if text.contains(&0) {
        return None;
    }
    *text = *b"1.5\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    Some((Known::UnterminatedFloat, rewritten))
}

/// `<<>>` as a binary for `<<>>` as a bit string.
fn empty_binary(input: &[u8], offset: usize) -> Option<(Known, Vec<u8>)> {
    let (before, bits) = input.split_at_checked(offset)?;
    let behind = bits.strip_prefix(&[77, 0, 0, 0, 0, 0])?;
    let rewritten = [before, &[109, 0, 0, 0, 0], behind].concat();
    Some((Known::EmptyBitString, rewritten))
}

/// A pid for the creator of the NEW_FUN_EXT that starts here.
fn fun_of_a_pid(input: &[u8], offset: usize) -> Option<(Known, Vec<u8>)> {
    let start = creator(input, offset)?;
    let mut reader = Reader::new(&input[start..]);
    reader.skip().ok()?;
    let mut pid = BytesMut::new();
    Writer::new(&mut pid).pid(&Pid::new(foreign(), 1, 0));
    let rewritten = [&input[..start], &pid, reader.remaining()].concat();
    Some((Known::FunCreator, rewritten))
}

/// Where the creator of the NEW_FUN_EXT is that starts here.
fn creator(input: &[u8], offset: usize) -> Option<usize> {
    // Size, arity, digest, index, number of free variables.
    const FIXED: usize = 4 + 1 + 16 + 4 + 4;
    let fun = input.get(offset..)?.strip_prefix(&[112])?;
    let mut reader = Reader::new(fun.get(FIXED..)?);
    reader.read_atom().ok()?;
    for _ in 0..2 {
        reader
            .read_i64()
            .ok()
            .filter(|index| SMALL.contains(index))?;
    }
    Some(offset + 1 + FIXED + reader.position())
}

/// A named atom for the index that starts here, of the same length.
fn named_atom(input: &[u8], place: usize) -> Option<(Known, Vec<u8>)> {
    let mut rewritten = input.to_vec();
    let ascii = |byte: u8| byte & 0x7f;
    match rewritten.get_mut(place..)? {
        [tag @ 73, high, low, ..] => (*tag, *high, *low) = (119, 1, ascii(*low)),
        [tag @ 75, high, middle, low, ..] => {
            (*tag, *high, *middle, *low) = (119, 2, ascii(*middle), ascii(*low));
        }
        _ => return None,
    }
    Some((Known::AtomIndex, rewritten))
}

/// What need not be the reason of a disagreement where it is found, so that it is left as it is in
/// some attempts.
#[derive(Clone, Copy)]
struct Optional {
    own: bool,
    zero: bool,
    funs: bool,
    short: bool,
}

fn rewrite(token: &Token<'_>, release: u32, optional: Optional) -> Option<(Known, Vec<u8>)> {
    let mut out = BytesMut::new();
    let mut writer = Writer::new(&mut out);
    let class = match token {
        Token::Local(bytes) => {
            writer.tuple_header(2);
            writer.atom(&atom("local"));
            writer.binary(bytes).ok()?;
            Known::Local
        }
        Token::Reference(reference) if is_empty_reference(token) => {
            let name = reference.node.name.to_atom();
            let node = NodeId::new(name, reference.node.creation);
            writer.reference(&Reference::new(node, &[0]).ok()?);
            Known::EmptyReference
        }
        Token::Reference(reference) if optional.short && release < 27 => {
            let mut words: Vec<u32> = reference.words().collect();
            match words.len() {
                3 | 5 => return None,
                len => words.resize(if len < 3 { 3 } else { 5 }, 0),
            }
            let name = reference.node.name.to_atom();
            let node = NodeId::new(name, reference.node.creation);
            writer.reference(&Reference::new(node, &words).ok()?);
            Known::ShortReference
        }
        Token::Record(record) if release < 29 => {
            writer.tuple_header(record.len.checked_add(5)?);
            writer.atom(&atom("record"));
            writer.atom(&record.module.to_atom());
            writer.atom(&record.name.to_atom());
            writer.integer(u8::from(record.exported));
            if record.len > 0 {
                writer.list_header(record.len);
            }
            for name in record.names() {
                writer.atom(&name.to_atom());
            }
            writer.nil();
            Known::Record
        }
        Token::Pid(pid) if optional.own && is_own(&pid.node) => {
            writer.pid(&Pid::new(foreign(), pid.id, pid.serial));
            Known::OwnIdentifier
        }
        Token::Port(port) if optional.own && is_own(&port.node) => {
            writer.port(&Port::new(foreign(), port.id));
            Known::OwnIdentifier
        }
        Token::Reference(reference) if optional.own && is_own(&reference.node) => {
            let words: Vec<u32> = reference.words().collect();
            writer.reference(&Reference::new(foreign(), &words).ok()?);
            Known::OwnIdentifier
        }
        Token::Fun(fun) if optional.own && is_own(&fun.pid.node) => {
            let creator = Pid::new(foreign(), fun.pid.id, fun.pid.serial);
            fun_header(fun, fun.index, &creator, &mut out);
            Known::OwnIdentifier
        }
        // Another index for each: that is one of the parts that OTP compares.
        Token::Fun(fun) if optional.funs => {
            let mut hash = DefaultHasher::new();
            (fun.arity, fun.uniq, fun.index, fun.old_index, fun.old_uniq).hash(&mut hash);
            let name = fun.pid.node.name.to_atom();
            let node = NodeId::new(name, fun.pid.node.creation);
            let creator = Pid::new(node, fun.pid.id, fun.pid.serial);
            fun_header(fun, hash.finish() as u32, &creator, &mut out);
            Known::SimilarFuns
        }
        Token::Float(float) if optional.zero && release < 27 => {
            if float.get().to_bits() != 1 << 63 {
                return None;
            }
            writer.tuple_header(1);
            writer.atom(&atom("-0.0"));
            Known::NegativeZero
        }
        _ => return None,
    };
    Some((class, out.to_vec()))
}

/// The header of this fun with another index and creator.
fn fun_header(fun: &FunParts<'_>, index: u32, creator: &Pid, out: &mut BytesMut) {
    // Nobody looks at the size.
    out.extend_from_slice(&[112, 0, 0, 0, 0, fun.arity]);
    out.extend_from_slice(fun.uniq);
    out.extend_from_slice(&index.to_be_bytes());
    out.extend_from_slice(&u32::from(fun.free).to_be_bytes());
    let mut writer = Writer::new(out);
    writer.atom(&fun.module.to_atom());
    writer.integer(fun.old_index);
    writer.integer(fun.old_uniq);
    writer.pid(creator);
}

/// Whether this is the name and creation of a virtual machine that is not distributed.
fn is_own(node: &NodeParts<'_>) -> bool {
    node.creation == 0 && node.name == *"nonode@nohost"
}

/// The same name with a creation that is not its own.
fn foreign() -> NodeId {
    NodeId::new(atom("nonode@nohost"), 1)
}

fn atom(text: &str) -> Atom {
    Atom::new(text).expect("short")
}
