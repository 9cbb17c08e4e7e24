//! What parsing costs in memory: never more than 256 bytes for a byte of text and 2 MiB, whatever
//! the text claims.
//!
//! The allocator counts the old and the new block while a block grows.

use erland_etf::Term;

/// How many bytes more than now this takes at its worst.
fn peak<T>(run: impl FnOnce() -> T) -> usize {
    let info = allocation_counter::measure(|| drop(run()));
    usize::try_from(info.bytes_max).unwrap_or(usize::MAX)
}

const PER_BYTE: usize = 256;
const CLAIMED: usize = 2 << 20;

#[test]
fn parsing_takes_memory_by_the_length_of_the_text() {
    // A beginning, what is repeated, and the end.
    let texts = [
        ("", "{", ""),
        ("", "(", ""),
        ("", "[1|", ""),
        ("", "[1|(", ""),
        ("", "{1,", ""),
        ("", "#{1=>", ""),
        ("", "#{1=>1,2=>", ""),
        ("", "#{1=>1,#{2=>", ""),
        ("", "<<", ""),
        ("", "<<1:", ""),
        ("", "<<(", ""),
        ("[", "1,", "1]"),
        ("[", "[],", "1]"),
        ("[", "[1],", "1]"),
        ("[", "{1},", "1]"),
        ("[", "#{1=>1},", "1]"),
        ("[", "<<1>>,", "1]"),
        ("[", "<<1:1>>,", "1]"),
        ("[", "<<0:800>>,", "1]"),
        ("[", "fun a:a/1,", "1]"),
        ("[", "\"é\",", "1]"),
        ("[", "aaaaaaaaaaaaaaa,", "1]"),
        ("<<", "1,", "1>>"),
        ("<<", "0:9999,", "1>>"),
        ("<<\"", "a", "\":9999>>"),
        ("\"", "a", "\""),
        ("\"", "\u{436}", "\""),
        ("\"", "\\x{ff}", "\""),
        ("\"\"\"\n", "\n", "\"\"\""),
        ("~\"", "a", "\""),
        ("'", "a", "'"),
        ("", "9", ""),
        ("1.", "9", ""),
        ("2#1.", "1", ""),
        ("", "-", ""),
        ("", "%\n", "1"),
    ];
    for (begin, repeated, end) in texts {
        let text = [begin, &repeated.repeat((1 << 18) / repeated.len()), end].concat();
        let peak = peak(|| text.parse::<Term>());
        let limit = PER_BYTE * text.len() + CLAIMED;
        assert!(peak <= limit, "{peak} for {} of {repeated:?}", text.len());
    }
}
