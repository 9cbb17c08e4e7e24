//! How a term looks as text on one line: `Display` and `Debug` of every type that is a term.
//!
//! `{}` is what `io:format("~tw")` prints, `{:#}` what `~tp` does (`pretty.rs`), with differences:
//! the pairs of a map come in key order, as with the modifier `k`; an identifier shows the name of
//! its node, where Erlang shows a number that means something on one node only; the names in
//! `fun m:f/1` are quoted like any atom; and `Debug` adds the node's creation, because it decides
//! equality. Width, fill and precision are not looked at.

use core::fmt::{self, Display, Formatter, Write};
use core::{mem, slice};

use crate::atom::Atom;
use crate::binary::{Binary, BitString};
use crate::float::Float;
use crate::fun::{ExportFun, Fun, InternalFun};
use crate::ident::{NodeId, Pid, Port, Reference};
use crate::integer::{self, Integer};
use crate::list::{self, List};
use crate::local::Local;
use crate::map::Map;
use crate::record::{self, Record};
use crate::term::Term;
use crate::text::{float, name, pretty, string};
use crate::tuple::Tuple;
use crate::walk::{Stack, TermRef};

/// What differs between the ways to print.
#[derive(Clone, Copy)]
pub(super) struct Style {
    /// Whether the creation of a node is shown.
    creation: bool,
    /// Whether lists and binaries of printable characters are shown as text, as `~tp` does.
    strings: bool,
}

impl Style {
    fn of(f: &Formatter<'_>, creation: bool) -> Self {
        let strings = f.alternate();
        Self { creation, strings }
    }
}

/// A container that has been opened and is to be printed on.
enum Open<'a> {
    /// Elements, the tail of an improper list if any, and what closes it.
    Elements(slice::Iter<'a, Term>, Option<&'a Term>, &'static str),
    /// Pairs, and the value of the pair whose key was printed last.
    Pairs(slice::Iter<'a, (Term, Term)>, Option<&'a Term>),
    Fields(record::Iter<'a>),
}

/// Prints a term on one line.
pub(super) fn print(f: &mut impl Write, term: TermRef<'_>, style: Style) -> fmt::Result {
    let Some(mut current) = open(f, term, style)? else {
        return Ok(());
    };
    let mut stack: Stack<(Open<'_>, bool)> = Stack::new();
    let mut first = true;
    loop {
        match current.next(f, first)? {
            Some(term) => {
                first = false;
                if let Some(inner) = open(f, term.into(), style)? {
                    stack.push((mem::replace(&mut current, inner), first));
                    first = true;
                }
            }
            None => match stack.pop() {
                Some(outer) => (current, first) = outer,
                None => return Ok(()),
            },
        }
    }
}

impl<'a> Open<'a> {
    /// Prints up to the next term and gives it out, or prints the end.
    fn next(&mut self, f: &mut impl Write, first: bool) -> Result<Option<&'a Term>, fmt::Error> {
        match self {
            Self::Elements(elements, tail, close) => {
                if let Some(element) = elements.next() {
                    if !first {
                        f.write_char(',')?;
                    }
                    return Ok(Some(element));
                }
                if let Some(tail) = tail.take() {
                    f.write_char('|')?;
                    return Ok(Some(tail));
                }
                f.write_str(close)?;
            }
            Self::Pairs(pairs, value) => {
                if let Some(value) = value.take() {
                    f.write_str(" => ")?;
                    return Ok(Some(value));
                }
                if let Some((key, next)) = pairs.next() {
                    if !first {
                        f.write_char(',')?;
                    }
                    *value = Some(next);
                    return Ok(Some(key));
                }
                f.write_char('}')?;
            }
            Self::Fields(fields) => {
                if let Some((name, value)) = fields.next() {
                    if !first {
                        f.write_char(',')?;
                    }
                    atom(f, name)?;
                    f.write_str(" = ")?;
                    return Ok(Some(value));
                }
                f.write_char('}')?;
            }
        }
        Ok(None)
    }
}

/// Prints a term, or only the beginning of a container.
fn open<'a>(
    f: &mut impl Write,
    term: TermRef<'a>,
    style: Style,
) -> Result<Option<Open<'a>>, fmt::Error> {
    match term {
        TermRef::Integer(value) => integer(f, value)?,
        TermRef::Float(value) => float::print(f, value.get())?,
        TermRef::Atom(value) => atom(f, value)?,
        TermRef::Binary(binary) => {
            if style.strings && string::binary(f, binary)? {
                return Ok(None);
            }
            f.write_str("<<")?;
            numbers(f, binary)?;
            f.write_str(">>")?;
        }
        TermRef::BitString(bits) => bit_string(f, bits)?,
        TermRef::Pid(pid) => {
            f.write_char('<')?;
            node(f, pid.node(), style.creation)?;
            write!(f, ".{}.{}>", pid.id(), pid.serial())?;
        }
        TermRef::Port(port) => {
            f.write_str("#Port<")?;
            node(f, port.node(), style.creation)?;
            write!(f, ".{}>", port.id())?;
        }
        TermRef::Reference(reference) => {
            f.write_str("#Ref<")?;
            node(f, reference.node(), style.creation)?;
            for word in reference.words().iter().rev() {
                write!(f, ".{word}")?;
            }
            f.write_char('>')?;
        }
        TermRef::ExportFun(fun) => {
            f.write_str("fun ")?;
            atom(f, &fun.module)?;
            f.write_char(':')?;
            atom(f, &fun.function)?;
            write!(f, "/{}", fun.arity)?;
        }
        TermRef::InternalFun(fun) => {
            f.write_str("#Fun<")?;
            atom(f, &fun.module)?;
            write!(f, ".{}.{}>", fun.old_index, fun.old_uniq)?;
        }
        TermRef::Local(local) => write!(f, "#Local<{} bytes>", local.bytes().len())?,
        TermRef::Tuple(tuple) => {
            f.write_char('{')?;
            return Ok(Some(Open::Elements(tuple.iter(), None, "}")));
        }
        TermRef::Map(map) => {
            f.write_str("#{")?;
            return Ok(Some(Open::Pairs(map.0.iter(), None)));
        }
        TermRef::Record(record) => {
            record_name(f, record)?;
            f.write_char('{')?;
            return Ok(Some(Open::Fields(record.iter())));
        }
        TermRef::List(list) => {
            if style.strings && string::list(f, list)? {
                return Ok(None);
            }
            f.write_char('[')?;
            match list.view() {
                list::View::Slice(terms) => {
                    return Ok(Some(Open::Elements(terms.iter(), None, "]")));
                }
                list::View::Improper([terms @ .., tail]) => {
                    return Ok(Some(Open::Elements(terms.iter(), Some(tail), "]")));
                }
                list::View::Bytes(bytes) => numbers(f, bytes)?,
                list::View::Nil | list::View::Improper([]) => {}
            }
            f.write_char(']')?;
        }
    }
    Ok(None)
}

/// Writes `#module:name`.
pub(super) fn record_name(f: &mut impl Write, record: &Record) -> fmt::Result {
    f.write_char('#')?;
    atom(f, record.module())?;
    f.write_char(':')?;
    atom(f, record.name())
}

fn integer(f: &mut impl Write, integer: &Integer) -> fmt::Result {
    match integer.view() {
        integer::View::Small(value) => write!(f, "{value}"),
        integer::View::Magnitude {
            negative,
            magnitude,
        } => {
            if negative {
                f.write_char('-')?;
            }
            write!(f, "{magnitude}")
        }
        integer::View::Big(big) => write!(f, "{big}"),
    }
}

fn numbers(f: &mut impl Write, bytes: &[u8]) -> fmt::Result {
    for (index, byte) in bytes.iter().enumerate() {
        if index > 0 {
            f.write_char(',')?;
        }
        write!(f, "{byte}")?;
    }
    Ok(())
}

fn bit_string(f: &mut impl Write, bits: &BitString) -> fmt::Result {
    f.write_str("<<")?;
    if let [whole @ .., last] = &**bits.bytes() {
        numbers(f, whole)?;
        if !whole.is_empty() {
            f.write_char(',')?;
        }
        write!(f, "{}:{}", last >> (8 - bits.last_bits()), bits.last_bits())?;
    }
    f.write_str(">>")
}

/// The name of a node is escaped like the text of an atom, for a peer chose it, but never quoted.
fn node(f: &mut impl Write, node: &NodeId, creation: bool) -> fmt::Result {
    name::escaped(f, node.name().as_str(), '\'')?;
    if creation {
        write!(f, "/{}", node.creation())?;
    }
    Ok(())
}

fn atom(f: &mut impl Write, atom: &Atom) -> fmt::Result {
    name::atom(f, atom.as_str())
}

impl Display for NodeId {
    /// The name of the node, with control characters escaped.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        node(f, self, false)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        node(f, self, true)
    }
}

fn printed(f: &mut Formatter<'_>, term: TermRef<'_>, creation: bool) -> fmt::Result {
    let style = Style::of(f, creation);
    if style.strings {
        pretty::print(f, term, style)
    } else {
        print(f, term, style)
    }
}

macro_rules! printed_as_terms {
    ($($type:ident: $self:ident => $reference:expr,)*) => {$(
        impl Display for $type {
            fn fmt(&$self, f: &mut Formatter<'_>) -> fmt::Result {
                printed(f, $reference, false)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&$self, f: &mut Formatter<'_>) -> fmt::Result {
                printed(f, $reference, true)
            }
        }
    )*};
}

printed_as_terms! {
    Term: self => self.into(),
    Integer: self => TermRef::Integer(self),
    Float: self => TermRef::Float(*self),
    Atom: self => TermRef::Atom(self),
    Binary: self => TermRef::Binary(self),
    BitString: self => TermRef::BitString(self),
    Pid: self => TermRef::Pid(self),
    Port: self => TermRef::Port(self),
    Reference: self => TermRef::Reference(self),
    Tuple: self => TermRef::Tuple(self),
    List: self => TermRef::List(self),
    Map: self => TermRef::Map(self),
    Fun: self => self.into(),
    ExportFun: self => TermRef::ExportFun(self),
    InternalFun: self => TermRef::InternalFun(self),
    Record: self => TermRef::Record(self),
    Local: self => TermRef::Local(self),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atom;
    use std::format;
    use std::string::ToString;
    use std::vec;

    #[test]
    fn atoms_are_quoted_where_erlang_quotes_them() {
        let cases = [
            ("a@b", "a@b"),
            ("aB_9", "aB_9"),
            ("éÀ", "éÀ"),
            ("ß", "ß"),
            ("÷", "'÷'"),
            ("a×", "'a×'"),
            ("", "''"),
            ("A", "'A'"),
            ("_a", "'_a'"),
            ("9", "'9'"),
            ("a.b", "'a.b'"),
            ("a b", "'a b'"),
            ("it's", "'it\\'s'"),
            ("a\\b", "'a\\\\b'"),
            ("a\nb\r\t", "'a\\nb\\r\\t'"),
            ("\u{8}\u{b}\u{c}\u{1b}\u{7f}", "'\\b\\v\\f\\e\\d'"),
            ("\0\u{1f}\u{80}\u{9f}", "'\\000\\037\\200\\237'"),
            ("\u{a0}", "'\u{a0}'"),
            ("ж", "'ж'"),
            ("when", "'when'"),
            ("receive", "'receive'"),
            ("maybe", "'maybe'"),
            ("else", "'else'"),
            ("received", "received"),
        ];
        for (text, printed) in cases {
            assert_eq!(Atom::new(text).unwrap().to_string(), printed);
        }
    }

    #[test]
    fn terms_look_as_in_erlang() {
        let record = [
            (atom!("name"), atom!("joe").into()),
            (atom!("Age"), Term::from(7)),
        ];
        let record = Record::new(atom!("recv"), atom!("person"), true, record).unwrap();
        let map = Term::map([(atom!("k").into(), 1.into()), (2.into(), Term::nil())]).unwrap();
        let bits = |bytes: &[u8], last| BitString::new(bytes.into(), last).unwrap();
        let export = ExportFun {
            module: atom!("lists"),
            function: atom!("Map"),
            arity: 2,
        };
        let cases = [
            (
                Term::from(-(1_i128 << 100)),
                "-1267650600228229401496703205376",
            ),
            (
                Term::from(u128::MAX),
                "340282366920938463463374607431768211455",
            ),
            (Term::tuple([]), "{}"),
            (Term::from((1, atom!("ok"))), "{1,ok}"),
            (Term::nil(), "[]"),
            (Term::string("ab"), "[97,98]"),
            (Term::string("ж"), "[1078]"),
            (Term::list([Term::nil(), 1.into()]), "[[],1]"),
            (Term::improper([1.into(), 2.into()], atom!("t")), "[1,2|t]"),
            (Term::binary("abc"), "<<97,98,99>>"),
            (Term::binary(""), "<<>>"),
            (bits(&[0x20], 3).into(), "<<1:3>>"),
            (bits(&[1, 2, 0x20], 3).into(), "<<1,2,1:3>>"),
            (Term::map([]).unwrap(), "#{}"),
            (map, "#{2 => [],k => 1}"),
            (export.into(), "fun lists:'Map'/2"),
            (record.into(), "#recv:person{name = joe,'Age' = 7}"),
            (
                Local::trusted(vec![1, 2, 3].into()).into(),
                "#Local<3 bytes>",
            ),
        ];
        for (term, printed) in cases {
            assert_eq!(term.to_string(), printed);
            assert_eq!(format!("{term:?}"), printed);
        }
    }

    #[test]
    fn identifiers_name_their_node_and_debug_its_creation() {
        let node = NodeId::new(Atom::new("a\n@host").unwrap(), 4);
        let pid = Pid::new(node.clone(), 10, 2);
        let fun = InternalFun {
            module: atom!("m"),
            arity: 1,
            uniq: [0; 16],
            index: 2,
            old_index: 3,
            old_uniq: 5,
            pid: pid.clone(),
            free: Tuple::from(vec![1.into()]),
        };
        let cases = [
            (Term::from(pid), r"<a\n@host.10.2>", r"<a\n@host/4.10.2>"),
            (
                Port::new(node.clone(), 1).into(),
                r"#Port<a\n@host.1>",
                r"#Port<a\n@host/4.1>",
            ),
            (
                Reference::new(node.clone(), &[1, 2, 3]).unwrap().into(),
                r"#Ref<a\n@host.3.2.1>",
                r"#Ref<a\n@host/4.3.2.1>",
            ),
            (fun.into(), "#Fun<m.3.5>", "#Fun<m.3.5>"),
        ];
        for (term, display, debug) in cases {
            assert_eq!(term.to_string(), display);
            assert_eq!(format!("{term:?}"), debug);
            assert_eq!(format!("{:?}", [term]), format!("[{debug}]"));
        }
        assert_eq!(node.to_string(), r"a\n@host");
        assert_eq!(format!("{node:?}"), r"a\n@host/4");
    }
}
