//! OTP's C library erl_interface: `peers/ei.c`, in a process of its own.

use std::cell::RefCell;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;

use super::Case;
use crate::child::{Process, Shared, case};
use crate::corpus::Row;

pub fn start(program: &Path) -> Result<Shared, String> {
    Ok(Rc::new(RefCell::new(Process::start(
        "ei",
        &mut Command::new(program),
    )?)))
}

pub fn cases(ei: &Shared, row: &Row) -> Vec<Case> {
    vec![
        case(ei, row, "decode", "ei".to_owned(), 0),
        case(ei, row, "encode", "ei".to_owned(), 0),
        case(ei, row, "encode", "ei-reuse".to_owned(), 1),
    ]
}
