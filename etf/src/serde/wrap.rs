//! The reserved newtype names by which a wrapper or a native type makes itself known to the
//! serializer and deserializer of this crate. For any other format they are newtypes like others.

use ::serde::de::{Deserialize, Deserializer, Visitor};
use ::serde::ser::{Serialize, Serializer};
use core::fmt;
use core::marker::PhantomData;

/// What is asked for by the name of a newtype.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrap {
    /// Bytes that are an encoded term.
    Native,
    /// The same, read within limits.
    Term,
    Atom,
    Record,
    ElixirStruct,
    Proplist,
    Keyword,
    Charlist,
    Cons,
    /// `None` is `undefined`.
    Undefined,
    /// `None` is `nil`.
    Nil,
}

pub(super) const NATIVE: &str = "$erland_etf::Native";
pub(super) const TERM: &str = "$erland_etf::Term";
pub(super) const ATOM: &str = "$erland_etf::Atom";
pub(super) const RECORD: &str = "$erland_etf::Record";
pub(super) const ELIXIR_STRUCT: &str = "$erland_etf::ElixirStruct";
pub(super) const PROPLIST: &str = "$erland_etf::Proplist";
pub(super) const KEYWORD: &str = "$erland_etf::Keyword";
pub(super) const CHARLIST: &str = "$erland_etf::Charlist";
pub(super) const CONS: &str = "$erland_etf::Cons";
pub(super) const UNDEFINED: &str = "$erland_etf::Undefined";
pub(super) const NIL: &str = "$erland_etf::Nil";

impl Wrap {
    #[inline]
    pub(super) fn of(name: &str) -> Option<Self> {
        if !name.starts_with('$') {
            return None;
        }
        Some(match name {
            NATIVE => Self::Native,
            TERM => Self::Term,
            ATOM => Self::Atom,
            RECORD => Self::Record,
            ELIXIR_STRUCT => Self::ElixirStruct,
            PROPLIST => Self::Proplist,
            KEYWORD => Self::Keyword,
            CHARLIST => Self::Charlist,
            CONS => Self::Cons,
            UNDEFINED => Self::Undefined,
            NIL => Self::Nil,
            _ => return None,
        })
    }

    /// How errors name it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Native | Self::Term => "of a term",
            Self::Atom => "Atom",
            Self::Record => "Record",
            Self::ElixirStruct => "ElixirStruct",
            Self::Proplist => "Proplist",
            Self::Keyword => "Keyword",
            Self::Charlist => "Charlist",
            Self::Cons => "Cons",
            Self::Undefined => "option::undefined",
            Self::Nil => "option::nil",
        }
    }
}

/// Deserializes what is inside the newtype of this name.
pub(super) fn unwrap<'de, T, D>(name: &'static str, deserializer: D) -> Result<T, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    struct Inside<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Inside<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a wrapped value")
        }

        fn visit_newtype_struct<D: Deserializer<'de>>(self, inside: D) -> Result<T, D::Error> {
            T::deserialize(inside)
        }
    }

    deserializer.deserialize_newtype_struct(name, Inside(PhantomData))
}

/// A wrapper: a newtype for its fields, and a module of two functions for `serde(with = "…")`.
macro_rules! wrapper {
    ($(#[$doc:meta])* $wrapper:ident, $name:ident, $module:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $wrapper<T>(
            /// What is wrapped.
            pub T,
        );

        impl<T: Serialize> Serialize for $wrapper<T> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_newtype_struct($name, &self.0)
            }
        }

        impl<'de, T: Deserialize<'de>> Deserialize<'de> for $wrapper<T> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                unwrap($name, deserializer).map(Self)
            }
        }

        impl<T> From<T> for $wrapper<T> {
            fn from(inside: T) -> Self {
                Self(inside)
            }
        }

        wrapper!(
            #[doc = concat!("[`", stringify!($wrapper), "`] for one field: `#[serde(with = \"erland_etf::serde::", stringify!($module), "\")]`.")]
            $module, $name
        );
    };
    ($(#[$doc:meta])* $module:ident, $name:ident) => {
        $(#[$doc])*
        pub mod $module {
            use ::serde::{Deserialize, Deserializer, Serialize, Serializer};

            /// Serializes a field.
            ///
            /// # Errors
            ///
            /// As the field's type and the format.
            pub fn serialize<T: Serialize + ?Sized, S: Serializer>(
                value: &T,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                serializer.serialize_newtype_struct($crate::serde::wrap::$name, value)
            }

            /// Deserializes a field.
            ///
            /// # Errors
            ///
            /// As the field's type and the format.
            pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
                deserializer: D,
            ) -> Result<T, D::Error> {
                $crate::serde::wrap::unwrap($crate::serde::wrap::$name, deserializer)
            }
        }
    };
}

wrapper!(
    /// A struct as an Erlang record: `{Tag, Field1, Field2}`, where the tag is the name of the
    /// struct to serde (`#[serde(rename = "…")]`).
    ///
    /// Around an `Option` it is around what is inside. A field that serde skips is an error, for
    /// a record has all its fields.
    ///
    /// ```
    /// use erland_etf::serde::{Record, from_slice, to_vec};
    /// use serde::{Deserialize, Serialize};
    ///
    /// // -record(point, {x, y}).
    /// #[derive(Debug, PartialEq, Serialize, Deserialize)]
    /// #[serde(rename = "point")]
    /// struct Point {
    ///     x: i32,
    ///     y: i32,
    /// }
    ///
    /// let bytes = to_vec(&Record(Point { x: 1, y: 2 }))?;
    /// assert_eq!(bytes, b"\x83h\x03w\x05pointa\x01a\x02");
    /// assert_eq!(from_slice::<Record<Point>>(&bytes)?.0, Point { x: 1, y: 2 });
    /// # Ok::<(), erland_etf::serde::Error>(())
    /// ```
    Record, RECORD, record
);

wrapper!(
    /// A struct as an Elixir struct: a map with the key `__struct__`, whose value is the module. The
    /// module is the name of the struct to serde, with `Elixir.` in front unless it is there:
    /// `#[serde(rename = "MyApp.User")]` is `%MyApp.User{}`.
    ///
    /// The key has to be there, with that value, for the map to be read.
    ElixirStruct, ELIXIR_STRUCT, elixir_struct
);

wrapper!(
    /// A struct or map as a property list: `[{name, Value}, …]`. Text as key is an atom.
    ///
    /// Read as `proplists:get_value/2` does: an atom `flag` is `{flag, true}`, of several entries
    /// with one key the first counts, and what is neither an atom nor a pair is ignored.
    Proplist, PROPLIST, proplist
);

wrapper!(
    /// A struct or map as a keyword list of Elixir: `[name: value]`, which is a list of pairs whose
    /// first element is an atom. Text as key is an atom; other keys are an error.
    ///
    /// Of several entries with one key the first counts, as in `Keyword.get/2`.
    Keyword, KEYWORD, keyword
);

wrapper!(
    /// Text as a list of its code points, which is what `"text"` means in Erlang and `~c"text"` in
    /// Elixir. Around anything that serde takes for text, such as `String`.
    Charlist, CHARLIST, charlist
);

/// One element in front of a tail: `[Head | Tail]`. Where the tail is no list, that is an improper
/// list, such as the tag `[alias | Ref]` of a call to a `gen_server`.
///
/// A list of one element is read, whatever its tail is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cons<H, T>(
    /// The element.
    pub H,
    /// What follows it.
    pub T,
);

impl<H: Serialize, T: Serialize> Serialize for Cons<H, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(CONS, &(&self.0, &self.1))
    }
}

impl<'de, H: Deserialize<'de>, T: Deserialize<'de>> Deserialize<'de> for Cons<H, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (head, tail) = unwrap(CONS, deserializer)?;
        Ok(Self(head, tail))
    }
}

/// The atom for [`None`], one field at a time, whatever [`Config`](super::Config) says.
pub mod option {
    wrapper!(
        /// `None` is `undefined`: `#[serde(with = "erland_etf::serde::option::undefined")]`.
        undefined, UNDEFINED
    );
    wrapper!(
        /// `None` is `nil`: `#[serde(with = "erland_etf::serde::option::nil")]`.
        nil, NIL
    );
}
