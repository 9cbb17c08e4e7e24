//! What the fuzz targets share: a mutator that knows terms, and the comparison with a live BEAM.

pub mod beam;
pub mod differential;
pub mod known;
pub mod mutate;
pub mod tokens;
pub mod zlib;
