//! What the types cost: sizes, which every message pays for. Raising one needs a reason.

use std::mem::size_of;

use erland_etf::{
    Atom, Binary, BitString, Float, Fun, Integer, List, Local, Map, NodeId, Pid, Port, Record,
    Reference, Term, Tuple,
};

#[cfg(target_pointer_width = "64")]
#[test]
fn sizes() {
    assert_eq!(size_of::<Term>(), 24);
    assert_eq!(size_of::<Option<Term>>(), 24);
    assert_eq!(size_of::<Integer>(), 24);
    assert_eq!(size_of::<Float>(), 8);
    assert_eq!(size_of::<Atom>(), 16);
    assert_eq!(size_of::<Option<Atom>>(), 16);
    assert_eq!(size_of::<Binary>(), 16);
    assert_eq!(size_of::<NodeId>(), 8);
    assert_eq!(size_of::<Option<NodeId>>(), 8);
    assert_eq!(size_of::<Pid>(), 16);
    assert_eq!(size_of::<Option<Pid>>(), 16);
    assert_eq!(size_of::<Port>(), 16);
    assert_eq!(size_of::<Tuple>(), 16);
    assert_eq!(size_of::<List>(), 16);
    assert_eq!(size_of::<Map>(), 16);
    // Boxed in a term.
    assert_eq!(size_of::<Reference>(), 32);
    assert_eq!(size_of::<BitString>(), 24);
    assert!(size_of::<Local>() <= 32);
    assert!(size_of::<Record>() <= 72);
    assert!(size_of::<Fun>() <= 96);
}
