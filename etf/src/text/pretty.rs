//! How a term looks on several lines: `{:#}`, laid out as `~tp` does (`io_lib_pretty`).
//!
//! Lines have 80 columns and the term starts in the first. Where OTP's rules look odd they are
//! OTP's: the layout is the same to the byte, up to [`MAX_COLUMN`].

use core::fmt::{self, Formatter, Write};
use core::{mem, slice};

use crate::atom::Atom;
use crate::list;
use crate::record;
use crate::term::Term;
use crate::text::measure::{Count, Node, atom_len, measure, record_name_len};
use crate::text::name;
use crate::text::print::{Style, print as print_line, record_name};
use crate::walk::{Stack, TermRef};

/// The length of a line.
const LINE: i64 = 80;

/// A term that starts behind this column is printed on one line. So no line is indented by more,
/// however deep it is in the term, and the text is at most so many times as long as on one line.
const MAX_COLUMN: i64 = 160;

/// Prints a term from the first column on.
pub(super) fn print(f: &mut Formatter<'_>, term: TermRef<'_>, style: Style) -> fmt::Result {
    let nodes = measure(term, style)?;
    let len = nodes.first().map_or(0, |node| node.len);
    if len < LINE - 1 {
        return print_line(f, term, style);
    }
    let mut layout = Layout {
        nodes: &nodes,
        style,
        max: len,
        indent: 1,
        checking: true,
        stack: Stack::new(),
    };
    // The first with which nothing tagged starts too far to the right.
    for indent in [-1, 4] {
        layout.indent = indent;
        if layout.run(f, term)? {
            break;
        }
        layout.stack.clear();
        layout.indent = 1;
    }
    layout.checking = false;
    layout.run(f, term).map(drop)
}

struct Layout<'a, 'n> {
    nodes: &'n [Node],
    style: Style,
    /// The length of all on one line.
    max: i64,
    /// By how much what follows a tag is indented at most; if negative, to behind the tag.
    indent: i64,
    /// Whether nothing is printed, only found out whether this indentation will do.
    checking: bool,
    stack: Stack<Open<'a>>,
}

/// A container that has been opened.
struct Open<'a> {
    items: Items<'a>,
    close: &'static str,
    /// Whether nothing of it has been laid out.
    first: bool,
    /// The number of the next term inside.
    node: usize,
    /// The column in which its lines start.
    start: i64,
    /// The column after what has been laid out, or one that is past the line.
    column: i64,
    /// How many brackets will be closed behind it.
    depth: i64,
    /// How much is in this line.
    width: i64,
}

enum Items<'a> {
    Terms(slice::Iter<'a, Term>),
    /// Also the tail of an improper list.
    List(list::Iter<'a>, Option<&'a Term>),
    /// Also a value whose key is on the line before, its number, and the brackets behind it.
    Pairs(
        slice::Iter<'a, (Term, Term)>,
        Option<(&'a Term, usize, i64)>,
    ),
    Fields(record::Iter<'a>),
}

/// Where a term is to be laid out, and how much there is before and behind it in the line.
#[derive(Clone, Copy)]
struct Place {
    column: i64,
    depth: i64,
    width: i64,
}

impl<'a> Layout<'a, '_> {
    /// Lays a term out, or finds out whether that can be done.
    fn run(&mut self, f: &mut Formatter<'_>, term: TermRef<'a>) -> Result<bool, fmt::Error> {
        let first = Place {
            column: 1,
            depth: 0,
            width: 0,
        };
        if !self.enter(f, term, 0, first)? {
            return Ok(false);
        }
        while let Some(open) = self.stack.pop() {
            if !self.step(f, open)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn node(&self, index: usize) -> Node {
        self.nodes.get(index).copied().unwrap_or(Node {
            len: 0,
            next: index + 1,
            whole: true,
        })
    }

    fn fits(&self, len: i64, place: Place) -> bool {
        let Place {
            column,
            depth,
            width,
        } = place;
        len < LINE - column - depth && len + width + depth <= self.max
    }

    /// Whether something of this length, which is never broken, goes on in the same line.
    fn follows(&self, len: i64, open: &Open<'_>, depth: i64) -> bool {
        let behind = depth.max(1);
        let len = len + 1;
        len < LINE - open.column - behind && open.width + len + behind <= self.max
    }

    /// Whether what is tagged may start in this column.
    fn is_good(&self, column: i64) -> bool {
        !self.checking || self.max + column <= LINE || column <= LINE / 2
    }

    fn write(&self, f: &mut Formatter<'_>, text: &str) -> fmt::Result {
        if self.checking {
            return Ok(());
        }
        f.write_str(text)
    }

    fn line(&self, f: &mut Formatter<'_>, term: TermRef<'_>) -> fmt::Result {
        if self.checking {
            return Ok(());
        }
        print_line(f, term, self.style)
    }

    /// Starts the next line.
    fn new_line(&self, f: &mut Formatter<'_>, column: i64) -> fmt::Result {
        if self.checking {
            return Ok(());
        }
        let spaces = usize::try_from(column - 1).unwrap_or(0);
        write!(f, "\n{:spaces$}", "")
    }

    /// Lays a term out as far as its first bracket.
    fn enter(
        &mut self,
        f: &mut Formatter<'_>,
        term: TermRef<'a>,
        index: usize,
        place: Place,
    ) -> Result<bool, fmt::Error> {
        let node = self.node(index);
        let past = !self.checking && place.column > MAX_COLUMN;
        if node.whole || past || self.fits(node.len, place) {
            self.line(f, term)?;
            return Ok(true);
        }
        let Place {
            column,
            depth,
            width,
        } = place;
        let mut open = Open {
            items: Items::Terms([].iter()),
            close: "}",
            first: true,
            node: index + 1,
            start: column + 1,
            column: column + 1,
            depth,
            width: width + 1,
        };
        match term {
            TermRef::List(list) => {
                self.write(f, "[")?;
                let tail = (!list.is_proper()).then(|| list.tail());
                open.items = Items::List(list.iter(), tail);
                open.close = "]";
            }
            TermRef::Tuple(tuple) => {
                self.write(f, "{")?;
                let mut elements = tuple.iter();
                if let [Term::Atom(_), _, ..] = &**tuple {
                    if let Some(tag) = elements.next() {
                        self.line(f, tag.into())?;
                    }
                    let tag = self.node(index + 1);
                    open.node = tag.next;
                    // With the bracket and the comma.
                    let behind = column + tag.len + 2;
                    open.column = behind;
                    if self.indent > 0 && tag.len + 2 > self.indent {
                        open.start = column + self.indent;
                        open.width += tag.len;
                        open.first = false;
                        if !self.is_good(open.start) {
                            return Ok(false);
                        }
                    } else {
                        self.write(f, ",")?;
                        open.start = behind;
                        open.width += tag.len + 1;
                        // Not quite the same as for the other.
                        if self.checking && self.max + behind >= LINE && behind >= LINE / 2 {
                            return Ok(false);
                        }
                    }
                }
                open.items = Items::Terms(elements);
            }
            TermRef::Map(map) => {
                self.write(f, "#{")?;
                open.items = Items::Pairs(map.0.iter(), None);
                open.start = column + 2;
                open.column = column + 2;
                open.width = width + if self.checking { 2 } else { 1 };
            }
            TermRef::Record(record) => {
                if !self.checking {
                    record_name(f, record)?;
                }
                self.write(f, "{")?;
                let name = record_name_len(record);
                open.width = width + name + 1;
                if !record.is_empty() {
                    let broken = self.tagged(name + 1, &mut open, column);
                    if !self.is_good(open.start) {
                        return Ok(false);
                    }
                    if broken {
                        self.new_line(f, open.start)?;
                    }
                }
                open.items = Items::Fields(record.iter());
            }
            TermRef::Binary(bytes) => {
                self.numbers(f, bytes, 0, place)?;
                return Ok(true);
            }
            TermRef::BitString(bits) => {
                self.numbers(f, bits.bytes(), bits.last_bits(), place)?;
                return Ok(true);
            }
            _ => {
                self.line(f, term)?;
                return Ok(true);
            }
        }
        self.stack.push(open);
        Ok(true)
    }

    /// Where something starts behind a name of this length, and whether on a line of its own.
    fn tagged(&self, len: i64, open: &mut Open<'_>, column: i64) -> bool {
        let broken = self.indent > 0 && len > self.indent;
        let indent = if broken { self.indent } else { len };
        open.start = column + indent;
        open.column = open.start;
        if broken {
            open.width = 0;
        }
        broken
    }

    /// Lays out the next of what is in a container, or closes it.
    fn step(&mut self, f: &mut Formatter<'_>, mut open: Open<'a>) -> Result<bool, fmt::Error> {
        let (next, more) = match &mut open.items {
            Items::Terms(terms) => (terms.next(), terms.len() > 0),
            Items::List(terms, tail) => match (terms.next(), terms.len() > 0) {
                (None, _) => match tail.take() {
                    Some(tail) => return self.tail(f, open, tail),
                    None => (None, false),
                },
                next => next,
            },
            Items::Pairs(..) => return self.pair(f, open),
            Items::Fields(_) => return self.field(f, open),
        };
        let Some(term) = next else {
            self.write(f, open.close)?;
            return Ok(true);
        };
        let index = open.node;
        let node = self.node(index);
        open.node = node.next;
        let depth = if more { 0 } else { open.depth + 1 };
        let first = mem::replace(&mut open.first, false);
        if !first && node.whole && self.follows(node.len, &open, depth) {
            self.write(f, ",")?;
            self.line(f, term.into())?;
            open.column += node.len + 1;
            open.width += node.len + 1;
            self.stack.push(open);
            return Ok(true);
        }
        let place = self.place(f, first, &mut open, depth)?;
        let whole = node.whole && self.fits(node.len, place);
        let width = if whole { node.len } else { LINE };
        open.column = open.start + width;
        open.width = place.width + width;
        self.stack.push(open);
        self.enter(f, term.into(), index, place)
    }

    /// Where the next thing starts that does not go on in the same line.
    fn place(
        &self,
        f: &mut Formatter<'_>,
        first: bool,
        open: &mut Open<'_>,
        depth: i64,
    ) -> Result<Place, fmt::Error> {
        if !first {
            self.write(f, ",")?;
            self.new_line(f, open.start)?;
            open.width = 0;
        }
        Ok(Place {
            column: open.start,
            depth,
            width: open.width,
        })
    }

    fn tail(
        &mut self,
        f: &mut Formatter<'_>,
        mut open: Open<'a>,
        tail: &'a Term,
    ) -> Result<bool, fmt::Error> {
        let index = open.node;
        let node = self.node(index);
        let depth = open.depth + 1;
        self.write(f, "|")?;
        if node.whole && self.follows(node.len, &open, depth) {
            self.line(f, tail.into())?;
            self.stack.push(open);
            return Ok(true);
        }
        self.new_line(f, open.start)?;
        let place = Place {
            column: if self.checking {
                open.column
            } else {
                open.start
            },
            depth,
            width: 0,
        };
        open.width = 0;
        self.stack.push(open);
        self.enter(f, tail.into(), index, place)
    }

    fn pair(&mut self, f: &mut Formatter<'_>, mut open: Open<'a>) -> Result<bool, fmt::Error> {
        let indent = if self.indent > 0 { self.indent } else { 4 };
        let Items::Pairs(pairs, pending) = &mut open.items else {
            return Ok(true);
        };
        if let Some((value, index, depth)) = pending.take() {
            let place = Place {
                column: open.start + indent,
                depth,
                width: 0,
            };
            self.write(f, " =>")?;
            self.new_line(f, place.column)?;
            self.stack.push(open);
            return self.enter(f, value.into(), index, place);
        }
        let Some((key, value)) = pairs.next() else {
            self.write(f, open.close)?;
            return Ok(true);
        };
        let depth = if pairs.len() > 0 { 0 } else { open.depth + 1 };
        let first = mem::replace(&mut open.first, false);
        let index = open.node;
        let (key_node, value_index) = (self.node(index), self.node(index).next);
        let value_node = self.node(value_index);
        open.node = value_node.next;
        let len = key_node.len + 4 + value_node.len;
        let whole = key_node.whole && value_node.whole;
        if !first && whole && self.follows(len, &open, depth) {
            self.write(f, ",")?;
            self.line(f, key.into())?;
            self.write(f, " => ")?;
            self.line(f, value.into())?;
            open.column += len + 1;
            open.width += len + 1;
            self.stack.push(open);
            return Ok(true);
        }
        let place = self.place(f, first, &mut open, depth)?;
        let fits = self.fits(len, place);
        let width = if fits && whole { len } else { LINE };
        open.column = open.start + width;
        let before = if first && self.checking {
            place.width
        } else {
            0
        };
        open.width = before + width;
        if fits {
            self.line(f, key.into())?;
            self.write(f, " => ")?;
            self.line(f, value.into())?;
            self.stack.push(open);
            return Ok(true);
        }
        if let Items::Pairs(_, pending) = &mut open.items {
            *pending = Some((value, value_index, depth));
        }
        self.stack.push(open);
        self.enter(f, key.into(), index, place)
    }

    fn field(&mut self, f: &mut Formatter<'_>, mut open: Open<'a>) -> Result<bool, fmt::Error> {
        let Items::Fields(fields) = &mut open.items else {
            return Ok(true);
        };
        let Some((name, value)) = fields.next() else {
            self.write(f, open.close)?;
            return Ok(true);
        };
        let depth = if fields.len() > 0 { 0 } else { open.depth + 1 };
        let first = mem::replace(&mut open.first, false);
        let index = open.node;
        let node = self.node(index);
        open.node = node.next;
        // With " = ".
        let name_len = atom_len(name.as_str()) + 3;
        let len = name_len + node.len;
        if !first && node.whole && self.follows(len, &open, depth) {
            self.write(f, ",")?;
            self.name(f, name)?;
            self.write(f, " = ")?;
            self.line(f, value.into())?;
            open.column += len + 1;
            open.width += len + 1;
            self.stack.push(open);
            return Ok(true);
        }
        let from = open.column;
        let place = self.place(f, first, &mut open, depth)?;
        let fits = self.fits(len, place);
        let width = if fits && node.whole { len } else { LINE };
        let start = if first || !self.checking {
            open.start
        } else {
            from
        };
        open.column = start + width;
        open.width = place.width + width;
        self.name(f, name)?;
        if fits {
            self.write(f, " = ")?;
            self.line(f, value.into())?;
            self.stack.push(open);
            return Ok(true);
        }
        let broken = self.indent > 0 && name_len > self.indent;
        let place = Place {
            column: open.start + if broken { self.indent } else { name_len },
            depth,
            width: if broken { 0 } else { place.width + name_len },
        };
        if !self.is_good(place.column) {
            return Ok(false);
        }
        if broken {
            self.write(f, " =")?;
            self.new_line(f, place.column)?;
        } else {
            self.write(f, " = ")?;
        }
        self.stack.push(open);
        self.enter(f, value.into(), index, place)
    }

    fn name(&self, f: &mut Formatter<'_>, atom: &Atom) -> fmt::Result {
        if self.checking {
            return Ok(());
        }
        name::atom(f, atom.as_str())
    }

    /// Lays out a bit string as numbers, as many in each line as fit.
    fn numbers(
        &self,
        f: &mut Formatter<'_>,
        bytes: &[u8],
        last_bits: u8,
        place: Place,
    ) -> fmt::Result {
        if self.checking {
            return Ok(());
        }
        // With "<<".
        let column = place.column + 2;
        let room = (LINE - column).min(self.max - 4 - place.width) - place.depth;
        let room = room.max(8);
        let mut left = room;
        f.write_str("<<")?;
        let last = bytes.len().saturating_sub(1);
        for (index, byte) in bytes.iter().enumerate() {
            let mut len = match byte {
                0..=9 => 1,
                10..=99 => 2,
                100..=255 => 3,
            };
            let bits = (index == last && last_bits > 0).then_some(last_bits);
            let byte = bits.map_or(*byte, |bits| byte >> (8 - bits));
            if bits.is_some() {
                // A digit, for the colon and the number of bits.
                len = Count::of(format_args!("{byte}:{last_bits}"))?;
            }
            let len = len + i64::from(index < last);
            if len > left {
                self.new_line(f, column)?;
                left = room;
            }
            left -= len;
            write!(f, "{byte}")?;
            if let Some(bits) = bits {
                write!(f, ":{bits}")?;
            }
            if index < last {
                f.write_char(',')?;
            }
        }
        f.write_str(">>")
    }
}
