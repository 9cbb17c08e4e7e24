//! How long the parts of a term are on one line, which decides where the pretty printer breaks.

use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::slice;

use crate::list::{self, List};
use crate::record::Record;
use crate::term::Term;
use crate::text::name;
use crate::text::print::{Style, print};
use crate::text::string;
use crate::walk::{Stack, TermRef};

/// What is known of one term; terms are numbered as they are printed, containers first.
#[derive(Clone, Copy)]
pub(super) struct Node {
    /// How many characters it has on one line.
    pub(super) len: i64,
    /// The number of the term that follows after all that is inside.
    pub(super) next: usize,
    /// Whether it is never broken. A binary of numbers, which can be, has nothing inside.
    pub(super) whole: bool,
}

/// The terms inside one container, one after the other.
enum Inside<'a> {
    Terms(slice::Iter<'a, Term>),
    /// A list, and what is its tail if that is not `[]`.
    List(list::Iter<'a>, Option<&'a Term>),
    /// Pairs, and the value of the pair whose key was given out last.
    Pairs(slice::Iter<'a, (Term, Term)>, Option<&'a Term>),
}

impl<'a> Inside<'a> {
    /// What is inside, or nothing if the term is printed as a whole.
    fn of(term: TermRef<'a>) -> Option<Self> {
        match term {
            TermRef::Tuple(tuple) if !tuple.is_empty() => Some(Self::Terms(tuple.iter())),
            TermRef::Map(map) if !map.is_empty() => Some(Self::Pairs(map.0.iter(), None)),
            TermRef::Record(record) => Some(Self::Terms(record.values().iter())),
            TermRef::List(list) if !list.is_empty() && !string::is_string(list) => {
                Some(Self::list(list))
            }
            _ => None,
        }
    }

    fn list(list: &'a List) -> Self {
        let tail = (!list.is_proper()).then(|| list.tail());
        Self::List(list.iter(), tail)
    }
}

impl<'a> Iterator for Inside<'a> {
    type Item = &'a Term;

    fn next(&mut self) -> Option<&'a Term> {
        match self {
            Self::Terms(terms) => terms.next(),
            Self::List(terms, tail) => terms.next().or_else(|| tail.take()),
            Self::Pairs(pairs, value) => value.take().or_else(|| {
                let (key, next) = pairs.next()?;
                *value = Some(next);
                Some(key)
            }),
        }
    }
}

/// What a container has besides the terms inside.
fn frame(term: TermRef<'_>) -> i64 {
    let separators = |count: usize| count.saturating_sub(1) as i64;
    match term {
        TermRef::Tuple(tuple) => 2 + separators(tuple.len()),
        TermRef::List(list) => 2 + separators(list.len() + usize::from(!list.is_proper())),
        // A pair has " => ".
        TermRef::Map(map) => 3 + separators(map.len()) + 4 * map.len() as i64,
        // A field has " = ".
        TermRef::Record(record) => {
            let names = record.names().iter();
            let fields: i64 = names.map(|name| 3 + atom_len(name.as_str())).sum();
            2 + record_name_len(record) + separators(record.len()) + fields
        }
        _ => 0,
    }
}

pub(super) fn atom_len(text: &str) -> i64 {
    let mut count = Count(0);
    // Counting never fails.
    let _ = name::atom(&mut count, text);
    count.0
}

/// The length of `#module:name`.
pub(super) fn record_name_len(record: &Record) -> i64 {
    2 + atom_len(record.module().as_str()) + atom_len(record.name().as_str())
}

/// Measures a term and all that is inside.
pub(super) fn measure(term: TermRef<'_>, style: Style) -> Result<Vec<Node>, fmt::Error> {
    let mut nodes = Vec::new();
    let mut stack: Stack<(usize, Inside<'_>)> = Stack::new();
    let mut current = Some(term);
    loop {
        if let Some(term) = current {
            let index = nodes.len();
            let inside = Inside::of(term);
            let len = match &inside {
                Some(_) => frame(term),
                None => {
                    let mut count = Count(0);
                    print(&mut count, term, style)?;
                    count.0
                }
            };
            nodes.push(Node {
                len,
                next: index + 1,
                whole: inside.is_none() && !is_numbers(term),
            });
            match inside {
                Some(inside) => stack.push((index, inside)),
                None => add(&mut nodes, stack.last(), len),
            }
        }
        let Some((_, inside)) = stack.last_mut() else {
            return Ok(nodes);
        };
        current = inside.next().map(TermRef::from);
        if current.is_none() {
            let end = nodes.len();
            let done = stack.pop().and_then(|(index, _)| nodes.get_mut(index));
            let len = done.map_or(0, |node| {
                node.next = end;
                node.len
            });
            add(&mut nodes, stack.last(), len);
        }
    }
}

/// Adds the length of a term to that of what it is in.
fn add(nodes: &mut [Node], outer: Option<&(usize, Inside<'_>)>, len: i64) {
    if let Some(outer) = outer.and_then(|(index, _)| nodes.get_mut(*index)) {
        outer.len += len;
    }
}

/// Whether this is a bit string that is printed as numbers.
pub(super) fn is_numbers(term: TermRef<'_>) -> bool {
    match term {
        TermRef::Binary(binary) => !binary.is_empty() && !string::is_text(binary),
        TermRef::BitString(_) => true,
        _ => false,
    }
}

/// Counts characters.
pub(super) struct Count(i64);

impl Count {
    pub(super) fn of(text: fmt::Arguments<'_>) -> Result<i64, fmt::Error> {
        let mut count = Self(0);
        count.write_fmt(text)?;
        Ok(count.0)
    }
}

impl Write for Count {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.chars().count() as i64;
        Ok(())
    }
}
