//! The program `node`: what it prints, when it ends, and what its process `echo` does.

mod echo;
mod life;
mod program;
