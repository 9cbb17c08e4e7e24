//! How a term is written down in Rust code: [`term!`](crate::term).
//!
//! The macro takes Erlang's spelling apart token by token, as a grammar of `macro_rules!` must:
//! each step takes elements off the front and hands on the rest. A step is one expansion inside the
//! one before, of which the compiler allows 128, so the common forms are taken eight or four at
//! once.

/// A [`Term`](crate::Term) in Erlang's spelling, with Rust expressions in parentheses.
///
/// ```
/// use erland_etf::term;
///
/// let (name, rest) = ("joe".to_string(), vec![3, 4]);
/// let reply = term!({ok, [1, 2 | (rest)], #{name => (name), "k" => -1.5, <<"b">> => fun lists:map/2}});
///
/// let elements = reply.as_tuple().ok_or("no tuple")?;
/// assert_eq!(elements[1].to_string(), "[1,2,3,4]");
/// let map = elements[2].as_map().ok_or("no map")?;
/// assert_eq!(map.get(&term!(name)), Some(&term!(<<"joe">>)));
/// assert_eq!(map.get_binary("b").map(|fun| fun.to_string()).as_deref(), Some("fun lists:map/2"));
/// # Ok::<(), &str>(())
/// ```
///
/// | written | is |
/// |---|---|
/// | `ok`, `true`, `type`, `gen_server` | an atom, as [`atom!`](crate::atom!) makes it; also Rust's keywords |
/// | `(atom!("hello world"))` | an atom that Erlang puts in quotes |
/// | `1`, `-1`, `0xff`, `1_000_000` | an integer that fits an `i128`; larger ones are spliced |
/// | `1.5`, `-2.0e-3` | a float |
/// | `"text"` | the list of its characters, as [`Term::string`](crate::Term::string) |
/// | `<<"text">>`, `<<1, "text", 255>>`, `<<>>`, `<<"né"/utf8>>` | a binary; without `/utf8` text is ASCII |
/// | `{a, b}`, `{}` | a tuple |
/// | `[a, b]`, `[]`, `[a, b \| Tail]` | a list; a tail that is a list is joined |
/// | `#{k => v}`, `#{}` | a map; of two equal keys the last one counts, as in Erlang. Rust reads `>>=>` in another way than `>> =>` |
/// | `fun lists:map/2` | an external fun |
/// | `(expression)` | `Term::from(expression)`, evaluated once, in the order written |
///
/// Atoms and numbers are checked when compiling. A comma may follow the last element.
///
/// What reads differently in the two languages is refused rather than guessed. A name in upper case
/// is a variable in Erlang:
///
/// ```compile_fail
/// let pid = 1;
/// let term = erland_etf::term!({ok, Pid}); // meant: {ok, (pid)}
/// ```
///
/// `'a'` is an atom in Erlang and a character in Rust:
///
/// ```compile_fail
/// let term = erland_etf::term!({ok, 'a'}); // meant: a, or (u32::from('a'))
/// ```
///
/// `<<"é">>` is one byte in Erlang and two in Elixir:
///
/// ```compile_fail
/// let term = erland_etf::term!(<<"é">>); // meant: <<"é"/utf8>>, or <<233>>
/// ```
///
/// A number must fit:
///
/// ```compile_fail
/// let term = erland_etf::term!(<<256>>);
/// ```
///
/// ```compile_fail
/// let term = erland_etf::term!(170141183460469231731687303715884105728);
/// ```
///
/// A float that is spliced may be infinite, so it is made with [`Float::new`](crate::Float::new)
/// first:
///
/// ```compile_fail
/// let term = erland_etf::term!({ok, (1.0_f64.ln())});
/// ```
///
/// Everything else that is no term does not compile either, and says so:
///
/// ```compile_fail
/// let term = erland_etf::term!({ok 1});
/// ```
///
/// ```compile_fail
/// let term = erland_etf::term!({ok, [1 | 2, 3]});
/// ```
///
/// ```compile_fail
/// let term = erland_etf::term!(#{a => 1, b});
/// ```
///
/// ```compile_fail
/// let term = erland_etf::term!({1 | 2});
/// ```
///
/// ```compile_fail
/// let term = erland_etf::term!();
/// ```
#[macro_export]
macro_rules! term {
    ($($tokens:tt)*) => {
        $crate::__term!(@term $($tokens)*)
    };
}

/// The grammar of [`term!`](crate::term).
///
/// `@term` is one term. `@items tuple` and `@items list` go through elements, `@pairs` through the
/// pairs of a map; what is done is in brackets, the tokens of each term in parentheses. `@end` is
/// what follows an element without a comma, `@value` a pair of which the key is done. Forms of
/// several tokens come before the single token that anything else is.
#[doc(hidden)]
#[macro_export]
macro_rules! __term {
    // ---- one term ----
    (@atom $name:ident) => {{
        const TEXT: &str = $crate::__private::name(::core::stringify!($name));
        const ATOM: $crate::Atom = $crate::Atom::from_static(&TEXT);
        ATOM
    }};
    (@term $name:ident) => {
        $crate::Term::Atom($crate::__term!(@atom $name))
    };
    (@term - $literal:literal) => {{
        const VALUE: $crate::__private::Value = $crate::__private::Literal(-$literal).value();
        $crate::__private::term(VALUE)
    }};
    (@term $literal:literal) => {{
        const VALUE: $crate::__private::Value = $crate::__private::Literal($literal).value();
        $crate::__private::term(VALUE)
    }};
    (@term ()) => {
        ::core::compile_error!("nothing to splice in `()`; the empty tuple is `{}`")
    };
    (@term ($value:expr)) => {
        $crate::Term::from($value)
    };
    (@term {$($items:tt)*}) => {
        $crate::__term!(@items tuple [] $($items)*)
    };
    (@term [$($items:tt)*]) => {
        $crate::__term!(@items list [] $($items)*)
    };
    (@term # {$($pairs:tt)*}) => {
        $crate::__term!(@pairs [] $($pairs)*)
    };
    (@term << $($segment:literal),* >>) => {{
        const SEGMENTS: &[$crate::__private::Value] =
            &[$($crate::__private::Literal($segment).segment()),*];
        $crate::__private::binary(SEGMENTS)
    }};
    (@term << $text:literal / utf8 >>) => {{
        const TEXT: &str = $text;
        $crate::Term::Binary($crate::Binary::from(TEXT))
    }};
    (@term fun $module:ident : $function:ident / $arity:literal) => {{
        const ARITY: u8 = $arity;
        $crate::Term::from($crate::ExportFun {
            module: $crate::__term!(@atom $module),
            function: $crate::__term!(@atom $function),
            arity: ARITY,
        })
    }};
    (@term) => {
        ::core::compile_error!("a term is missing")
    };
    (@term $($tokens:tt)+) => {
        ::core::compile_error!(::core::concat!(
            "no term in Erlang's spelling: `", ::core::stringify!($($tokens)+), "`",
        ))
    };

    // ---- elements ----
    (@items $kind:tt $done:tt) => {
        $crate::__term!(@make $kind $done)
    };
    (@items $kind:tt [$($done:tt)*] $a:tt, $b:tt, $c:tt, $d:tt, $e:tt, $f:tt, $g:tt, $h:tt, $($rest:tt)*) => {
        $crate::__term!(@items $kind [$($done)*
            ($a) ($b) ($c) ($d) ($e) ($f) ($g) ($h)] $($rest)*)
    };
    (@items $kind:tt [$($done:tt)*] - $a:tt, - $b:tt, - $c:tt, - $d:tt, $($rest:tt)*) => {
        $crate::__term!(@items $kind [$($done)* (- $a) (- $b) (- $c) (- $d)] $($rest)*)
    };
    (@items $kind:tt [$($done:tt)*] # $a:tt, # $b:tt, # $c:tt, # $d:tt, $($rest:tt)*) => {
        $crate::__term!(@items $kind [$($done)* (# $a) (# $b) (# $c) (# $d)] $($rest)*)
    };
    (@items $kind:tt [$($done:tt)*] << $a:literal >>, << $b:literal >>, << $c:literal >>, << $d:literal >>, $($rest:tt)*) => {
        $crate::__term!(@items $kind [$($done)* (<< $a >>) (<< $b >>) (<< $c >>) (<< $d >>)] $($rest)*)
    };
    (@items $kind:tt [$($done:tt)*] $a:tt, $($rest:tt)*) => {
        $crate::__term!(@items $kind [$($done)* ($a)] $($rest)*)
    };
    (@items $kind:tt [$($done:tt)*] - $a:tt, $($rest:tt)*) => {
        $crate::__term!(@items $kind [$($done)* (- $a)] $($rest)*)
    };
    (@items $kind:tt [$($done:tt)*] # $a:tt, $($rest:tt)*) => {
        $crate::__term!(@items $kind [$($done)* (# $a)] $($rest)*)
    };
    (@items $kind:tt [$($done:tt)*] << $($a:literal),* >>, $($rest:tt)*) => {
        $crate::__term!(@items $kind [$($done)* (<< $($a),* >>)] $($rest)*)
    };
    (@items $kind:tt [$($done:tt)*] << $a:literal / $type:ident >>, $($rest:tt)*) => {
        $crate::__term!(@items $kind [$($done)* (<< $a / $type >>)] $($rest)*)
    };
    (@items $kind:tt [$($done:tt)*] fun $module:ident : $function:ident / $a:literal, $($rest:tt)*) => {
        $crate::__term!(@items $kind [$($done)* (fun $module : $function / $a)] $($rest)*)
    };
    (@items $kind:tt [$($done:tt)*] - $a:tt $($rest:tt)*) => {
        $crate::__term!(@end $kind [$($done)* (- $a)] $($rest)*)
    };
    (@items $kind:tt [$($done:tt)*] # $a:tt $($rest:tt)*) => {
        $crate::__term!(@end $kind [$($done)* (# $a)] $($rest)*)
    };
    (@items $kind:tt [$($done:tt)*] << $($a:literal),* >> $($rest:tt)*) => {
        $crate::__term!(@end $kind [$($done)* (<< $($a),* >>)] $($rest)*)
    };
    (@items $kind:tt [$($done:tt)*] << $a:literal / $type:ident >> $($rest:tt)*) => {
        $crate::__term!(@end $kind [$($done)* (<< $a / $type >>)] $($rest)*)
    };
    (@items $kind:tt [$($done:tt)*] fun $module:ident : $function:ident / $a:literal $($rest:tt)*) => {
        $crate::__term!(@end $kind [$($done)* (fun $module : $function / $a)] $($rest)*)
    };
    (@items $kind:tt [$($done:tt)*] $a:tt $($rest:tt)*) => {
        $crate::__term!(@end $kind [$($done)* ($a)] $($rest)*)
    };

    // ---- the end of elements ----
    (@end $kind:tt $done:tt) => {
        $crate::__term!(@make $kind $done)
    };
    (@end list [$(($($item:tt)*))*] | $($tail:tt)*) => {
        $crate::Term::improper(
            $crate::__private::vec![$($crate::__term!(@term $($item)*)),*],
            $crate::__term!(@term $($tail)*),
        )
    };
    (@end $kind:tt $done:tt $($rest:tt)+) => {
        ::core::compile_error!(::core::concat!(
            "expected a comma or the end of the ", ::core::stringify!($kind), " before `",
            ::core::stringify!($($rest)+), "`",
        ))
    };
    (@make tuple [$(($($item:tt)*))*]) => {
        $crate::__private::tuple($crate::__private::vec![$($crate::__term!(@term $($item)*)),*])
    };
    (@make list [$(($($item:tt)*))*]) => {
        $crate::__private::list($crate::__private::vec![$($crate::__term!(@term $($item)*)),*])
    };

    // ---- pairs ----
    (@pairs [$((($($key:tt)*) ($($value:tt)*)))*]) => {
        $crate::__private::map($crate::__private::vec![$((
            $crate::__term!(@term $($key)*),
            $crate::__term!(@term $($value)*),
        )),*])
    };
    (@pairs [$($done:tt)*] $a:tt => $s:tt, $b:tt => $t:tt, $c:tt => $u:tt, $d:tt => $v:tt, $($rest:tt)*) => {
        $crate::__term!(@pairs [$($done)* (($a) ($s)) (($b) ($t)) (($c) ($u)) (($d) ($v))] $($rest)*)
    };
    (@pairs [$($done:tt)*] << $a:literal >> => $s:tt, << $b:literal >> => $t:tt, << $c:literal >> => $u:tt, << $d:literal >> => $v:tt, $($rest:tt)*) => {
        $crate::__term!(@pairs [$($done)* ((<< $a >>) ($s)) ((<< $b >>) ($t)) ((<< $c >>) ($u)) ((<< $d >>) ($v))] $($rest)*)
    };
    (@pairs [$($done:tt)*] $k:tt => $v:tt, $($rest:tt)*) => {
        $crate::__term!(@pairs [$($done)* (($k) ($v))] $($rest)*)
    };
    (@pairs [$($done:tt)*] $k:tt => - $v:tt, $($rest:tt)*) => {
        $crate::__term!(@pairs [$($done)* (($k) (- $v))] $($rest)*)
    };
    (@pairs [$($done:tt)*] $k:tt => # $v:tt, $($rest:tt)*) => {
        $crate::__term!(@pairs [$($done)* (($k) (# $v))] $($rest)*)
    };
    (@pairs [$($done:tt)*] $k:tt => << $($v:literal),* >>, $($rest:tt)*) => {
        $crate::__term!(@pairs [$($done)* (($k) (<< $($v),* >>))] $($rest)*)
    };
    (@pairs [$($done:tt)*] << $k:literal >> => $v:tt, $($rest:tt)*) => {
        $crate::__term!(@pairs [$($done)* ((<< $k >>) ($v))] $($rest)*)
    };
    (@pairs [$($done:tt)*] << $k:literal >> => - $v:tt, $($rest:tt)*) => {
        $crate::__term!(@pairs [$($done)* ((<< $k >>) (- $v))] $($rest)*)
    };
    (@pairs [$($done:tt)*] << $k:literal >> => # $v:tt, $($rest:tt)*) => {
        $crate::__term!(@pairs [$($done)* ((<< $k >>) (# $v))] $($rest)*)
    };
    (@pairs [$($done:tt)*] << $k:literal >> => << $($v:literal),* >>, $($rest:tt)*) => {
        $crate::__term!(@pairs [$($done)* ((<< $k >>) (<< $($v),* >>))] $($rest)*)
    };
    (@pairs $done:tt - $k:tt => $($rest:tt)*) => {
        $crate::__term!(@value $done (- $k) $($rest)*)
    };
    (@pairs $done:tt # $k:tt => $($rest:tt)*) => {
        $crate::__term!(@value $done (# $k) $($rest)*)
    };
    (@pairs $done:tt << $($k:literal),* >> => $($rest:tt)*) => {
        $crate::__term!(@value $done (<< $($k),* >>) $($rest)*)
    };
    (@pairs $done:tt << $k:literal / $type:ident >> => $($rest:tt)*) => {
        $crate::__term!(@value $done (<< $k / $type >>) $($rest)*)
    };
    (@pairs $done:tt fun $module:ident : $function:ident / $k:literal => $($rest:tt)*) => {
        $crate::__term!(@value $done (fun $module : $function / $k) $($rest)*)
    };
    (@pairs $done:tt $k:tt => $($rest:tt)*) => {
        $crate::__term!(@value $done ($k) $($rest)*)
    };
    (@pairs $done:tt $($rest:tt)+) => {
        ::core::compile_error!(::core::concat!(
            "expected a pair `key => value` before `", ::core::stringify!($($rest)+), "`",
        ))
    };
    (@value [$($done:tt)*] $key:tt - $v:tt $(, $($rest:tt)*)?) => {
        $crate::__term!(@pairs [$($done)* ($key (- $v))] $($($rest)*)?)
    };
    (@value [$($done:tt)*] $key:tt # $v:tt $(, $($rest:tt)*)?) => {
        $crate::__term!(@pairs [$($done)* ($key (# $v))] $($($rest)*)?)
    };
    (@value [$($done:tt)*] $key:tt << $($v:literal),* >> $(, $($rest:tt)*)?) => {
        $crate::__term!(@pairs [$($done)* ($key (<< $($v),* >>))] $($($rest)*)?)
    };
    (@value [$($done:tt)*] $key:tt << $v:literal / $type:ident >> $(, $($rest:tt)*)?) => {
        $crate::__term!(@pairs [$($done)* ($key (<< $v / $type >>))] $($($rest)*)?)
    };
    (@value [$($done:tt)*] $key:tt fun $module:ident : $function:ident / $v:literal $(, $($rest:tt)*)?) => {
        $crate::__term!(@pairs [$($done)* ($key (fun $module : $function / $v))] $($($rest)*)?)
    };
    (@value [$($done:tt)*] $key:tt $v:tt $(, $($rest:tt)*)?) => {
        $crate::__term!(@pairs [$($done)* ($key ($v))] $($($rest)*)?)
    };
    (@value $done:tt $key:tt $($rest:tt)*) => {
        ::core::compile_error!(::core::concat!(
            "expected a value, then a comma or the end of the map, before `",
            ::core::stringify!($($rest)*), "`",
        ))
    };
}

/// What the expansion of [`term!`](crate::term) calls.
#[doc(hidden)]
#[allow(missing_docs, missing_debug_implementations)]
#[allow(
    clippy::panic,
    reason = "the macro calls these in constants only, where a panic is a compile error"
)]
pub mod private {
    pub use alloc::vec;

    use alloc::vec::Vec;

    use crate::binary::Binary;
    use crate::float::Float;
    use crate::list::List;
    use crate::map::Map;
    use crate::term::Term;
    use crate::tuple::Tuple;

    /// A literal of Rust. There is one type of integers, so that a literal without a suffix is of
    /// that type, and one of floats.
    pub struct Literal<T>(pub T);

    /// What a literal means in Erlang.
    #[derive(Clone, Copy)]
    pub enum Value {
        Integer(i128),
        Float(Float),
        Text(&'static str),
    }

    impl Literal<i128> {
        #[must_use]
        pub const fn value(self) -> Value {
            Value::Integer(self.0)
        }

        #[must_use]
        pub const fn segment(self) -> Value {
            assert!(
                0 <= self.0 && self.0 <= 255,
                "a byte of a binary is an integer from 0 to 255"
            );
            Value::Integer(self.0)
        }
    }

    impl Literal<f64> {
        #[must_use]
        pub const fn value(self) -> Value {
            match Float::new(self.0) {
                Some(float) => Value::Float(float),
                // In a constant: an error of the compiler at the literal.
                None => panic!("Erlang has no infinite floats"),
            }
        }
    }

    impl Literal<&'static str> {
        #[must_use]
        pub const fn value(self) -> Value {
            Value::Text(self.0)
        }

        #[must_use]
        pub const fn segment(self) -> Value {
            assert!(
                self.0.is_ascii(),
                "the text of a binary is ASCII, or marked: <<\"text\"/utf8>>"
            );
            Value::Text(self.0)
        }
    }

    impl Literal<char> {
        #[must_use]
        pub const fn value(self) -> Value {
            // In a constant: an error of the compiler at the literal.
            panic!("a quoted atom is written (atom!(\"text\")), a character (u32::from(character))")
        }
    }

    /// The text of an atom that is written as an identifier.
    #[must_use]
    pub const fn name(identifier: &'static str) -> &'static str {
        match identifier.as_bytes() {
            [b'r', b'#', ..] => identifier.split_at(2).1,
            [b'A'..=b'Z' | b'_', ..] => {
                // In a constant: an error of the compiler at the name.
                panic!("this name is a variable in Erlang; splice (variable) or (atom!(\"Text\"))")
            }
            _ => identifier,
        }
    }

    #[must_use]
    pub fn term(value: Value) -> Term {
        match value {
            Value::Integer(integer) => integer.into(),
            Value::Float(float) => float.into(),
            Value::Text(text) => Term::string(text),
        }
    }

    #[must_use]
    pub fn binary(segments: &[Value]) -> Term {
        let mut bytes = Vec::new();
        for segment in segments {
            match segment {
                Value::Text(text) => bytes.extend_from_slice(text.as_bytes()),
                Value::Integer(byte) => bytes.push(*byte as u8),
                Value::Float(_) => {}
            }
        }
        Term::Binary(Binary::from(bytes))
    }

    #[must_use]
    pub fn tuple(elements: Vec<Term>) -> Term {
        Term::Tuple(Tuple::from(elements))
    }

    #[must_use]
    pub fn list(elements: Vec<Term>) -> Term {
        Term::List(List::from(elements))
    }

    #[must_use]
    pub fn map(pairs: Vec<(Term, Term)>) -> Term {
        Term::Map(Map::from_iter(pairs))
    }
}
