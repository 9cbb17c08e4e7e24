//! EPMD.
