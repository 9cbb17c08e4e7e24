//! Do bytes that claim to be a term ever panic, recurse or allocate by claim? And what decodes: is
//! it a sound term, by every function that takes one?

#![no_main]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::{BuildHasher, RandomState};

use bytes::Bytes;
use erland_etf::{
    Atom, Limits, Loose, RawTerm, Reader, Term, from_bytes, from_slice, from_slice_with,
};
use erland_fuzz::mutate;
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::mutate(data, size, max_size, seed)
});

fuzz_target!(|data: &[u8]| {
    let copied = from_slice(data);
    // Slices of the input or copies: the same term, the same error.
    assert_eq!(copied, from_bytes(&Bytes::copy_from_slice(data)));
    // A tighter limit refuses or agrees.
    let limits = Limits::default()
        .with_max_heap(1024)
        .with_max_inflated(4096);
    match from_slice_with(data, &limits) {
        Ok(term) => assert_eq!(copied.as_ref(), Ok(&term)),
        Err(error) => assert!(error.is_limit() || copied == Err(error)),
    }
    if let Ok(term) = &copied {
        sound(term);
        converts(term);
    }

    // The same bytes as a bare term, skipped, validated and decoded: they agree.
    let body = data.strip_prefix(&[131]).unwrap_or(data);
    let raw = RawTerm::new(Bytes::copy_from_slice(body));
    let decoded = raw.to_term();
    assert_eq!(raw.validate().err(), decoded.as_ref().err().copied());
    if data.first() == Some(&131) && data.get(1) != Some(&80) {
        assert_eq!(decoded.as_ref().ok(), copied.as_ref().ok());
    }
    let mut reader = Reader::new(body);
    let skipped = reader.skip();
    if let Ok(term) = &decoded {
        let bytes = skipped.expect("what decodes can be skipped");
        assert_eq!(bytes.len(), reader.position());
        // A term that is cut off is cut off, and nothing else.
        let step = bytes.len() / 32 + 1;
        for end in (0..bytes.len()).step_by(step).chain([bytes.len() - 1]) {
            let cut = &bytes[..end];
            let error = Reader::new(cut).skip().expect_err("cut off");
            assert!(error.is_eof(), "{error}");
            let error = Reader::new(cut).read_term(&Limits::DEFAULT);
            assert!(error.expect_err("cut off").is_eof(), "{term}");
        }
    }
});

fn sound(term: &Term) {
    let state = RandomState::new();
    let clone = term.clone();
    assert_eq!(clone, *term);
    assert!(clone.cmp(term).is_eq() && clone.standard_cmp(term).is_eq());
    assert_eq!(state.hash_one(term), state.hash_one(&clone));
    assert!(!format!("{term:?}").is_empty() && !term.to_string().is_empty());
    assert!(!format!("{term:#?}").is_empty() && !format!("{term:#}").is_empty());
    assert_eq!(term.phash2(), clone.phash2());
    assert!(term.phash2() < 1 << 27 && term.phash2_range(1000).is_some_and(|hash| hash < 1000));
    let _ = (term.iodata_to_vec(), term.chardata_to_string());

    // Of any two terms, equal ones are level, and have equal hashes.
    let list = term.as_list().map(|list| list.iter().cloned().collect());
    let parts: Vec<Term> = list
        .or_else(|| term.as_tuple().map(<[Term]>::to_vec))
        .or_else(|| Some(term.as_map()?.iter().map(|(key, _)| key.clone()).collect()))
        .unwrap_or_default();
    for (a, b) in parts.iter().zip(parts.iter().skip(1)).take(64) {
        assert_eq!(a.cmp(b), b.cmp(a).reverse());
        assert_eq!(a.standard_cmp(b), b.standard_cmp(a).reverse());
        assert_eq!(a == b, a.cmp(b).is_eq());
        assert_eq!(a.loosely_equal(b), a.standard_cmp(b).is_eq());
        if a == b {
            assert_eq!(state.hash_one(a), state.hash_one(b));
            assert_eq!(a.phash2(), b.phash2());
        }
        if a.loosely_equal(b) {
            let (a, b) = (Loose(a.clone()), Loose(b.clone()));
            assert_eq!(state.hash_one(a), state.hash_one(b));
        }
    }
}

/// By reference and by value a conversion says the same; what it gives is the same term again.
fn converts(term: &Term) {
    fn both<'a, T>(term: &'a Term)
    where
        T: TryFrom<&'a Term> + TryFrom<Term> + Debug + PartialEq,
    {
        let (by_reference, by_value) = (T::try_from(term).ok(), T::try_from(term.clone()).ok());
        assert_eq!(by_reference, by_value);
    }
    fn back<T>(term: &Term)
    where
        T: TryFrom<Term> + Into<Term>,
    {
        if let Ok(value) = T::try_from(term.clone()) {
            assert_eq!(value.into(), *term);
        }
    }
    back::<u8>(term);
    back::<i64>(term);
    back::<u64>(term);
    back::<i128>(term);
    back::<u128>(term);
    back::<bool>(term);
    back::<Atom>(term);
    back::<Vec<Term>>(term);
    back::<Vec<i64>>(term);
    back::<[Term; 2]>(term);
    back::<(Term, Term)>(term);
    back::<(Atom, u8, Term)>(term);
    back::<BTreeMap<Term, Term>>(term);
    both::<u8>(term);
    both::<i128>(term);
    both::<Vec<i64>>(term);
    both::<(Atom, u8)>(term);
    both::<f64>(term);
    both::<String>(term);
    both::<[Atom; 2]>(term);
    both::<BTreeMap<String, Vec<u8>>>(term);
}
