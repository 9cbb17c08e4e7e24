//! A map whose entries are wanted one after the other, not by their keys.

use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use ::serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use ::serde::ser::{Serialize, Serializer};

/// A map as its pairs, in the order in which they are encoded: no hashing, no sorting, and keys of
/// any type. Equal keys are not looked for, read or written; a map with two equal keys no decoder of
/// whole terms takes, nor does OTP. In any other format, too, it is a map.
///
/// ```
/// use erland_etf::serde::{Pairs, from_slice};
///
/// // #{<<"a">> => 1}
/// let pairs: Pairs<&str, i64> = from_slice(b"\x83t\0\0\0\x01m\0\0\0\x01aa\x01")?;
/// assert_eq!(pairs.0, [("a", 1)]);
/// # Ok::<(), erland_etf::serde::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs<K, V>(
    /// The pairs.
    pub Vec<(K, V)>,
);

impl<K: Serialize, V: Serialize> Serialize for Pairs<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

/// The most memory that is reserved by the number of entries that a map claims to have.
const MAX_RESERVED: usize = 1024 * 1024;

impl<'de, K: Deserialize<'de>, V: Deserialize<'de>> Deserialize<'de> for Pairs<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<K, V>(PhantomData<(K, V)>);

        impl<'de, K: Deserialize<'de>, V: Deserialize<'de>> Visitor<'de> for Entries<K, V> {
            type Value = Pairs<K, V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Pairs<K, V>, A::Error> {
                let most = MAX_RESERVED / size_of::<(K, V)>().max(1);
                let mut pairs = Vec::with_capacity(entries.size_hint().unwrap_or(0).min(most));
                while let Some(pair) = entries.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Entries(PhantomData))
    }
}
