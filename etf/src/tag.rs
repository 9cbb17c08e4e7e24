//! Which byte says what comes next: the tags of "External Term Format", one constant each.
//!
//! The names are the chapter's headings. What follows a tag is the reader's and the writer's
//! knowledge, not this file's.

/// The first byte of a term outside the distribution ("Introduction").
pub(crate) const VERSION: u8 = 131;

/// "RECORD_EXT", OTP 29.
pub(crate) const RECORD: u8 = 67;
/// "NEW_FLOAT_EXT".
pub(crate) const NEW_FLOAT: u8 = 70;
/// "BIT_BINARY_EXT".
pub(crate) const BIT_BINARY: u8 = 77;
/// A compressed term ("Introduction"), legal only right after the version.
pub(crate) const COMPRESSED: u8 = 80;
/// "ATOM_CACHE_REF", legal only in a message with a distribution header.
pub(crate) const ATOM_CACHE_REF: u8 = 82;
/// "NEW_PID_EXT".
pub(crate) const NEW_PID: u8 = 88;
/// "NEW_PORT_EXT".
pub(crate) const NEW_PORT: u8 = 89;
/// "NEWER_REFERENCE_EXT".
pub(crate) const NEWER_REFERENCE: u8 = 90;
/// "SMALL_INTEGER_EXT".
pub(crate) const SMALL_INTEGER: u8 = 97;
/// "INTEGER_EXT".
pub(crate) const INTEGER: u8 = 98;
/// "FLOAT_EXT".
pub(crate) const FLOAT: u8 = 99;
/// "ATOM_EXT (deprecated)".
pub(crate) const ATOM: u8 = 100;
/// "REFERENCE_EXT (deprecated)".
pub(crate) const REFERENCE: u8 = 101;
/// "PORT_EXT".
pub(crate) const PORT: u8 = 102;
/// "PID_EXT".
pub(crate) const PID: u8 = 103;
/// "SMALL_TUPLE_EXT".
pub(crate) const SMALL_TUPLE: u8 = 104;
/// "LARGE_TUPLE_EXT".
pub(crate) const LARGE_TUPLE: u8 = 105;
/// "NIL_EXT".
pub(crate) const NIL: u8 = 106;
/// "STRING_EXT".
pub(crate) const STRING: u8 = 107;
/// "LIST_EXT".
pub(crate) const LIST: u8 = 108;
/// "BINARY_EXT".
pub(crate) const BINARY: u8 = 109;
/// "SMALL_BIG_EXT".
pub(crate) const SMALL_BIG: u8 = 110;
/// "LARGE_BIG_EXT".
pub(crate) const LARGE_BIG: u8 = 111;
/// "NEW_FUN_EXT".
pub(crate) const NEW_FUN: u8 = 112;
/// "EXPORT_EXT".
pub(crate) const EXPORT: u8 = 113;
/// "NEW_REFERENCE_EXT".
pub(crate) const NEW_REFERENCE: u8 = 114;
/// "SMALL_ATOM_EXT (deprecated)".
pub(crate) const SMALL_ATOM: u8 = 115;
/// "MAP_EXT".
pub(crate) const MAP: u8 = 116;
/// "ATOM_UTF8_EXT".
pub(crate) const ATOM_UTF8: u8 = 118;
/// "SMALL_ATOM_UTF8_EXT".
pub(crate) const SMALL_ATOM_UTF8: u8 = 119;
/// "V4_PORT_EXT".
pub(crate) const V4_PORT: u8 = 120;
/// "LOCAL_EXT", OTP 26.
pub(crate) const LOCAL: u8 = 121;
