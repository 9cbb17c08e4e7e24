//! Nested lists that mean a run of bytes or of characters: what Erlang code hands to sockets and
//! files, and makes texts of.

use alloc::string::String;
use alloc::vec::Vec;

use crate::convert::ConvertError;
use crate::error::TermKind;
use crate::list;
use crate::term::Term;
use crate::walk::Stack;

impl Term {
    /// The bytes of a binary, or of a list of bytes, binaries and such lists, as
    /// `iolist_to_binary/1` takes them together. No recursion, whatever the nesting.
    ///
    /// ```
    /// use erland_etf::term;
    ///
    /// let response = term!(["HTTP/1.1 ", [<<"200">>, 32], "OK" | <<13, 10>>]);
    /// assert_eq!(response.iodata_to_vec()?, b"HTTP/1.1 200 OK\r\n");
    /// # Ok::<(), erland_etf::ConvertError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConvertError::IntegerOutOfRange`] for an integer in a list that is no byte, otherwise
    /// [`ConvertError::Kind`] for what is none of these; an integer may not be the tail of a list.
    pub fn iodata_to_vec(&self) -> Result<Vec<u8>, ConvertError> {
        let mut bytes = Vec::new();
        flatten(self, |part| {
            match part {
                Part::Integer(integer) => bytes.push(u8::try_from(integer)?),
                Part::Bytes(part) | Part::Binary(part) => bytes.extend_from_slice(part),
            }
            Ok(())
        })?;
        Ok(bytes)
    }

    /// The text of a binary in UTF-8, or of a list of code points, such binaries and such lists,
    /// as `unicode:characters_to_binary/1` takes them together. No recursion, whatever the nesting.
    ///
    /// ```
    /// use erland_etf::term;
    ///
    /// let text = term!([<<"пере"/utf8>>, ["вод" | <<"!">>]]).chardata_to_string()?;
    /// assert_eq!(text, "перевод!");
    /// # Ok::<(), erland_etf::ConvertError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConvertError::Text`] for an integer that is no character and a binary that is not UTF-8,
    /// otherwise [`ConvertError::Kind`] for what is none of these; an integer may not be the tail
    /// of a list. A character may not be spread over two binaries, as OTP allows it.
    pub fn chardata_to_string(&self) -> Result<String, ConvertError> {
        let mut text = String::new();
        flatten(self, |part| {
            match part {
                Part::Integer(integer) => {
                    let code = u32::try_from(integer).map_err(|_| ConvertError::Text)?;
                    text.push(char::from_u32(code).ok_or(ConvertError::Text)?);
                }
                Part::Bytes(codes) => text.extend(codes.iter().copied().map(char::from)),
                Part::Binary(part) => {
                    text.push_str(core::str::from_utf8(part).map_err(|_| ConvertError::Text)?);
                }
            }
            Ok(())
        })?;
        Ok(text)
    }
}

enum Part<'a> {
    /// An element of a list.
    Integer(&'a Term),
    /// A list of integers below 256.
    Bytes(&'a [u8]),
    Binary(&'a [u8]),
}

/// Gives out the parts in order.
fn flatten<'a>(
    term: &'a Term,
    mut part: impl FnMut(Part<'a>) -> Result<(), ConvertError>,
) -> Result<(), ConvertError> {
    // What is left of each open list: elements, and the tail of an improper one.
    let mut stack: Stack<(core::slice::Iter<'a, Term>, Option<&'a Term>)> = Stack::new();
    stack.push(([].iter(), Some(term)));
    while let Some((elements, tail)) = stack.last_mut() {
        let (term, is_element) = match elements.next() {
            Some(element) => (element, true),
            None => match tail.take() {
                Some(tail) => (tail, false),
                None => {
                    stack.pop();
                    continue;
                }
            },
        };
        match term {
            Term::Integer(_) if is_element => part(Part::Integer(term))?,
            Term::Binary(binary) => part(Part::Binary(binary))?,
            Term::List(list) => match list.view() {
                list::View::Nil => {}
                list::View::Bytes(bytes) => part(Part::Bytes(bytes))?,
                list::View::Slice(terms) => stack.push((terms.iter(), None)),
                list::View::Improper(terms) => {
                    if let Some((tail, elements)) = terms.split_last() {
                        stack.push((elements.iter(), Some(tail)));
                    }
                }
            },
            other => {
                let (expected, found) = (TermKind::Binary, other.kind());
                return Err(ConvertError::Kind { expected, found });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{atom, term};
    use std::thread;

    #[test]
    fn bytes_as_iolist_to_binary_takes_them() {
        let bytes = |term: Term| term.iodata_to_vec();
        assert_eq!(bytes(term!([])).as_deref(), Ok(&[][..]));
        assert_eq!(bytes(term!(<<1, 2>>)).as_deref(), Ok(&[1, 2][..]));
        let nested = term!([1, "ab", [[], [<<2>> | <<3>>] | <<4>>], 255, [] | [5]]);
        assert_eq!(
            bytes(nested).as_deref(),
            Ok(&[1, 97, 98, 2, 3, 4, 255, 5][..])
        );
        let not = |found| {
            let expected = TermKind::Binary;
            Err(ConvertError::Kind { expected, found })
        };
        assert_eq!(bytes(term!([256])), Err(ConvertError::IntegerOutOfRange));
        assert_eq!(bytes(term!([-1])), Err(ConvertError::IntegerOutOfRange));
        assert_eq!(bytes(term!(1)), not(TermKind::Integer));
        assert_eq!(bytes(term!([1 | 2])), not(TermKind::Integer));
        assert_eq!(bytes(term!([1 | a])), not(TermKind::Atom));
        assert_eq!(bytes(term!([{}])), not(TermKind::Tuple));
    }

    #[test]
    fn text_as_characters_to_binary_takes_it() {
        let text = |term: Term| term.chardata_to_string();
        assert_eq!(text(term!("né")).as_deref(), Ok("né"));
        assert_eq!(
            text(term!(["ж", 0x1f600, <<"é"/utf8>>])).as_deref(),
            Ok("ж\u{1f600}é")
        );
        assert_eq!(text(term!([0xd800])), Err(ConvertError::Text));
        assert_eq!(text(term!([0x11_0000])), Err(ConvertError::Text));
        assert_eq!(text(term!([-1])), Err(ConvertError::Text));
        assert_eq!(text(term!([<<233>>])), Err(ConvertError::Text));
        assert!(text(term!(text)).is_err());
    }

    #[test]
    fn a_million_deep_on_a_small_stack() {
        let deep = || {
            let head = |inner| Term::list([inner, 1.into()]);
            let tail = |inner| Term::improper([Term::list([inner])], term!(<<2>>));
            let term = (0..1_000_000).fold(term!([]), |inner, level| {
                if level % 2 == 0 {
                    head(inner)
                } else {
                    tail(inner)
                }
            });
            assert_eq!(term.iodata_to_vec().unwrap(), [1, 2].repeat(500_000));
            let wrong = (0..1_000_000).fold(atom!("a").into(), |inner, _| head(inner));
            assert!(wrong.chardata_to_string().is_err());
        };
        let thread = thread::Builder::new().stack_size(1 << 20);
        thread.spawn(deep).unwrap().join().unwrap();
    }
}
