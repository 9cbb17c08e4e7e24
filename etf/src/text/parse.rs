//! How a text in Erlang's syntax becomes a term, without recursion (`erl_parse:parse_term/1`).

use alloc::vec::Vec;
use core::mem;
use core::str::FromStr;

use crate::atom::Atom;
use crate::fun::{ExportFun, Fun};
use crate::integer::Integer;
use crate::list::List;
use crate::map::Map;
use crate::term::Term;
use crate::text::bits::{Bits, Budget, Size, Spec};
use crate::text::cursor::{Cursor, NameKind, is_white_space};
use crate::text::error::{Fault, ParseError, ParseErrorKind as Kind};
use crate::text::name::is_reserved;
use crate::text::number::number;
use crate::text::quoted::{self, Sigil};
use crate::walk::Stack;

impl FromStr for Term {
    type Err = ParseError;

    /// Parses a term as `erl_scan:string/1` and `erl_parse:parse_term/1` of OTP 29 do; the dot
    /// behind it may be there or not.
    ///
    /// What these take is taken: see "Text" in the documentation of the crate. Nesting takes no
    /// stack, and no more memory is taken at a time than 256 bytes for a byte of text, and 2 MiB
    /// for binaries that are larger than their text. The time is linear, but for integers of many
    /// thousand digits, of which 524,280 bytes are the limit.
    ///
    /// ```
    /// use erland_etf::Term;
    ///
    /// let term: Term = r#"{ok, [1, 2, #{a => <<"b">>}]}"#.parse()?;
    /// assert_eq!(term.to_string(), "{ok,[1,2,#{a => <<98>>}]}");
    /// assert_eq!(term.to_string().parse::<Term>()?, term);
    /// # Ok::<(), erland_etf::ParseError>(())
    /// ```
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut parser = Parser {
            cursor: Cursor::new(text),
            stack: Stack::new(),
            budget: Budget::for_text(text),
        };
        parser.parse().map_err(|fault| fault.locate(text))
    }
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    stack: Stack<Frame>,
    budget: Budget,
}

/// Something that has been opened and waits for a value.
enum Frame {
    Paren(Option<Sign>),
    Tuple(Vec<Term>),
    List(Vec<Term>),
    /// The tail of a list, after its elements. Without any, they went into the list that is the
    /// tail: joining the two later would cost the square of the nesting.
    Tail(Vec<Term>),
    Key(Vec<(Term, Term)>),
    Value(Vec<(Term, Term)>, Term),
    Segment(Bits),
    /// The size of a part of a binary, after its value.
    Size(Bits, Value),
}

#[derive(Clone, Copy)]
struct Sign {
    negative: bool,
    at: usize,
}

/// A complete value.
struct Value {
    term: Term,
    form: Form,
}

/// How a value was written, where it matters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A number without a sign, which can have one before its parentheses.
    Unsigned,
    /// A string, which is no list in a binary.
    String,
    Other,
}

impl Value {
    fn other(term: impl Into<Term>) -> Self {
        Self {
            term: term.into(),
            form: Form::Other,
        }
    }
}

/// What there is to do after a value has been given to what is open.
enum Step {
    /// Another value is to come.
    Next,
    /// That completed another value.
    Value(Value),
    /// That was all.
    Done(Term),
}

impl Parser<'_> {
    fn parse(&mut self) -> Result<Term, Fault> {
        loop {
            let Some(mut value) = self.open()? else {
                continue;
            };
            loop {
                match self.give(value)? {
                    Step::Next => break,
                    Step::Value(complete) => value = complete,
                    Step::Done(term) => {
                        self.end()?;
                        return Ok(term);
                    }
                }
            }
        }
    }

    /// Reads a value, or the beginning of one that has others inside.
    fn open(&mut self) -> Result<Option<Value>, Fault> {
        self.cursor.skip_blank()?;
        let at = self.cursor.at();
        if let Some(Frame::Segment(bits)) = self.stack.last_mut() {
            bits.start = at;
        }
        let sign = match self.cursor.peek_byte() {
            Some(b'+' | b'-') if matches!(self.stack.last(), Some(Frame::Size(..))) => {
                return Err(self.cursor.unexpected());
            }
            Some(byte @ (b'+' | b'-')) => {
                self.cursor.next();
                self.cursor.skip_blank()?;
                let negative = byte == b'-';
                Some(Sign { negative, at })
            }
            _ => None,
        };
        match self.cursor.peek() {
            Some('(') => {
                self.cursor.next();
                self.stack.push(Frame::Paren(sign));
                return Ok(None);
            }
            Some('0'..='9') => {
                let term = number(&mut self.cursor)?;
                return signed(term, sign).map(Some);
            }
            Some('$') => {
                self.cursor.next();
                let character = quoted::character(&mut self.cursor)?;
                return signed(Term::from(u32::from(character)), sign).map(Some);
            }
            None => return Err(self.cursor.fault(Kind::End)),
            Some(_) => {}
        }
        match sign {
            Some(Sign { at, .. }) => Err(Fault {
                kind: Kind::Sign,
                at,
            }),
            None => self.open_unsigned(),
        }
    }

    fn open_unsigned(&mut self) -> Result<Option<Value>, Fault> {
        let cursor = &mut self.cursor;
        Ok(Some(match cursor.peek_byte() {
            Some(b'"') => Value {
                term: Term::string(&quoted::strings(cursor)?),
                form: Form::String,
            },
            Some(b'~') => match quoted::sigil(cursor)? {
                (Sigil::String, text) => Value {
                    term: Term::string(&text),
                    form: Form::String,
                },
                (Sigil::Binary, text) => Value::other(Term::Binary(text.into_bytes().into())),
            },
            Some(b'{') => {
                cursor.next();
                return self.begin("}", Frame::Tuple(Vec::new()));
            }
            Some(b'[') => {
                cursor.next();
                let elements = self.joined();
                return self.begin("]", Frame::List(elements));
            }
            Some(b'#') => {
                let at = cursor.at();
                cursor.next();
                cursor.skip_blank()?;
                if cursor.take("{") {
                    return self.begin("}", Frame::Key(Vec::new()));
                }
                let kind = match cursor.peek() {
                    Some('A'..='Z') => Kind::Identifier,
                    Some('\'') => Kind::Record,
                    _ if cursor.name_kind().is_some() => Kind::Record,
                    _ => return Err(cursor.unexpected()),
                };
                return Err(Fault { kind, at });
            }
            Some(b'<') => {
                if cursor.take("<<") {
                    return self.begin(">>", Frame::Segment(Bits::default()));
                }
                return Err(cursor.fault(Kind::Identifier));
            }
            _ => return self.word().map(Some),
        }))
    }

    /// Opens a container, or gives it out if it is closed at once.
    fn begin(&mut self, close: &str, frame: Frame) -> Result<Option<Value>, Fault> {
        self.cursor.skip_blank()?;
        if !self.cursor.take(close) {
            self.stack.push(frame);
            return Ok(None);
        }
        Ok(Some(Value::other(match frame {
            Frame::List(elements) => Term::from(List::from(elements)),
            Frame::Key(_) => Term::Map(Map::default()),
            Frame::Segment(bits) => bits.finish(),
            _ => Term::tuple([]),
        })))
    }

    /// The elements of the list whose tail the list that is opened now is, also in parentheses.
    fn joined(&mut self) -> Vec<Term> {
        let around = self.stack.iter_mut().rev();
        let mut around = around.skip_while(|frame| matches!(frame, Frame::Paren(None)));
        match around.next() {
            Some(Frame::Tail(elements)) => mem::take(elements),
            _ => Vec::new(),
        }
    }

    /// An atom or a fun.
    fn word(&mut self) -> Result<Value, Fault> {
        let at = self.cursor.at();
        if self.cursor.take("fun") {
            // It may be no more than the beginning of an atom.
            if self.cursor.name().is_empty() {
                return self.fun(at).map(Value::other);
            }
            let name = self.cursor.between(at, self.cursor.at());
            return Atom::new(name).map(Value::other).map_err(|_| Fault {
                kind: Kind::AtomTooLong,
                at,
            });
        }
        self.atom().map(Value::other)
    }

    fn atom(&mut self) -> Result<Atom, Fault> {
        let at = self.cursor.at();
        let fault = |kind| Fault { kind, at };
        let atom = match self.cursor.name_kind() {
            Some(NameKind::Variable) => return Err(fault(Kind::Variable)),
            Some(NameKind::Atom) => {
                let name = self.cursor.name();
                if is_reserved(name) {
                    return Err(fault(Kind::ReservedWord));
                }
                Atom::new(name)
            }
            None if self.cursor.take("'") => Atom::new(&quoted::atom(&mut self.cursor, at)?),
            None => return Err(self.cursor.unexpected()),
        };
        atom.map_err(|_| fault(Kind::AtomTooLong))
    }

    /// `fun Module:Function/Arity` behind its first word.
    fn fun(&mut self, at: usize) -> Result<Fun, Fault> {
        let fault = Fault {
            kind: Kind::Fun,
            at,
        };
        self.cursor.skip_blank()?;
        if self.cursor.peek_byte() == Some(b'(') {
            return Err(fault);
        }
        let module = self.atom()?;
        self.cursor.skip_blank()?;
        if self.cursor.peek_byte() == Some(b'/') {
            return Err(fault);
        }
        self.cursor.expect(":")?;
        self.cursor.skip_blank()?;
        let function = self.atom()?;
        self.cursor.expect("/")?;
        self.cursor.skip_blank()?;
        let at = self.cursor.at();
        let arity = self.unsigned_integer()?.as_u64();
        Ok(Fun::Export(ExportFun {
            module,
            function,
            arity: arity
                .and_then(|arity| u8::try_from(arity).ok())
                .ok_or(Fault {
                    kind: Kind::Arity,
                    at,
                })?,
        }))
    }

    fn unsigned_integer(&mut self) -> Result<Term, Fault> {
        let at = self.cursor.at();
        match self.cursor.peek() {
            Some(first @ '0'..='9') => match number(&mut self.cursor)? {
                term @ Term::Integer(_) => Ok(term),
                _ => Err(Fault {
                    kind: Kind::Unexpected(first),
                    at,
                }),
            },
            _ => Err(self.cursor.unexpected()),
        }
    }

    /// Gives a value to what was opened last.
    fn give(&mut self, value: Value) -> Result<Step, Fault> {
        let Some(frame) = self.stack.pop() else {
            return Ok(Step::Done(value.term));
        };
        self.cursor.skip_blank()?;
        let cursor = &mut self.cursor;
        let next = match frame {
            Frame::Paren(sign) => {
                cursor.expect(")")?;
                return match (sign, value.form) {
                    (None, _) => Ok(Step::Value(value)),
                    (_, Form::Unsigned) => signed(value.term, sign).map(Step::Value),
                    (Some(Sign { at, .. }), _) => Err(Fault {
                        kind: Kind::Sign,
                        at,
                    }),
                };
            }
            Frame::Tuple(mut elements) => {
                elements.push(value.term);
                if cursor.take("}") {
                    return Ok(Step::Value(Value::other(Term::Tuple(elements.into()))));
                }
                cursor.expect(",")?;
                Frame::Tuple(elements)
            }
            Frame::List(mut elements) => {
                elements.push(value.term);
                if cursor.take("]") {
                    return Ok(Step::Value(Value::other(List::from(elements))));
                }
                if cursor.take("|") {
                    Frame::Tail(elements)
                } else {
                    cursor.expect(",")?;
                    Frame::List(elements)
                }
            }
            Frame::Tail(elements) => {
                cursor.expect("]")?;
                let list = Term::improper(elements, value.term);
                return Ok(Step::Value(Value::other(list)));
            }
            Frame::Key(pairs) => {
                cursor.expect("=>")?;
                Frame::Value(pairs, value.term)
            }
            Frame::Value(mut pairs, key) => {
                pairs.push((key, value.term));
                if cursor.take("}") {
                    return Ok(Step::Value(Value::other(map(pairs))));
                }
                cursor.expect(",")?;
                Frame::Key(pairs)
            }
            Frame::Segment(bits) => {
                if cursor.take(":") {
                    Frame::Size(bits, value)
                } else {
                    return self.segment(bits, &value, Size::Default);
                }
            }
            Frame::Size(bits, segment) => {
                return self.segment(bits, &segment, Size::Given(value.term));
            }
        };
        self.stack.push(next);
        Ok(Step::Next)
    }

    /// Writes a part of a binary, after its types, and goes on to the next.
    fn segment(&mut self, mut bits: Bits, value: &Value, size: Size) -> Result<Step, Fault> {
        let at = bits.start;
        let mut spec = Spec::new(size);
        let mut more = self.cursor.take("/");
        while more {
            self.cursor.skip_blank()?;
            let name = self.atom()?;
            self.cursor.skip_blank()?;
            let number = if self.cursor.take(":") {
                self.cursor.skip_blank()?;
                Some(self.unsigned_integer()?)
            } else {
                None
            };
            spec.add(name.as_str(), number.as_ref())
                .map_err(|kind| Fault { kind, at })?;
            self.cursor.skip_blank()?;
            more = self.cursor.take("-");
        }
        let written = match value.form {
            Form::String => bits.write_string(&value.term, &spec, &mut self.budget),
            Form::Unsigned | Form::Other => bits.write(&value.term, &spec, &mut self.budget),
        };
        written.map_err(|kind| Fault { kind, at })?;
        if self.cursor.take(">>") {
            return Ok(Step::Value(Value::other(bits.finish())));
        }
        self.cursor.expect(",")?;
        self.stack.push(Frame::Segment(bits));
        Ok(Step::Next)
    }

    /// After the term: a dot, if any, and nothing else.
    fn end(&mut self) -> Result<(), Fault> {
        self.cursor.skip_blank()?;
        let dot = self.cursor.at();
        if self.cursor.take(".") {
            let ends = self
                .cursor
                .peek()
                .is_none_or(|c| c == '%' || is_white_space(c));
            if !ends {
                return Err(Fault {
                    kind: Kind::Trailing,
                    at: dot,
                });
            }
            self.cursor.skip_blank()?;
        }
        match self.cursor.peek() {
            Some(_) => Err(self.cursor.fault(Kind::Trailing)),
            None => Ok(()),
        }
    }
}

/// A number under a sign, if there is one.
fn signed(term: Term, sign: Option<Sign>) -> Result<Value, Fault> {
    let Some(sign) = sign else {
        return Ok(Value {
            term,
            form: Form::Unsigned,
        });
    };
    let term = match term {
        term if !sign.negative => term,
        Term::Integer(value) => Term::Integer(negated(&value)),
        Term::Float(value) => match crate::Float::new(-value.get()) {
            Some(value) => Term::Float(value),
            None => Term::Float(value),
        },
        term => term,
    };
    Ok(Value::other(term))
}

fn negated(value: &Integer) -> Integer {
    match value.to_i64().and_then(i64::checked_neg) {
        Some(value) => Integer::small(value),
        None => Integer::from(-value.to_bigint()),
    }
}

/// The map of these pairs. Of two with the same key the last counts (`maps:from_list/1`).
fn map(mut pairs: Vec<(Term, Term)>) -> Term {
    if !pairs.is_sorted_by(|(a, _), (b, _)| a < b) {
        pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
        pairs.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                mem::swap(later, kept);
            }
            same
        });
    }
    Term::Map(Map(pairs.into_boxed_slice()))
}
