//! The test bed of erland against live Erlang/OTP and Elixir nodes: how are real nodes started,
//! asked, stopped and killed?
//!
//! Every test is written once as a function over a [`Release`] and expanded by
//! [`on_every_release!`] into one test per release. A release that is not installed is a failure
//! that names the remedy, `scripts/otp`; nothing is skipped.

mod base64;
mod built;
mod child;
mod deadline;
mod epmd_program;
mod epmd_requests;
mod epmd_script;
mod erl;
mod exchange;
mod otp_epmd;
mod peer;
mod ports;
mod private_erl;
mod probe;
mod program;
mod release;
mod soak;
mod sockets;
mod watch;
mod world;

pub use child::Output;
pub use deadline::{DEADLINE, within, within_time};
pub use epmd_program::{EpmdDaemon, EpmdKind, Ran};
pub use epmd_requests::{Alive, dump, framed, kill, names, port2, stop};
pub use epmd_script::{Case, Creation, Script, Source, own_address, same_on_all};
pub use erl::{Erl, ErlOptions};
pub use exchange::{Exchange, pieces};
pub use otp_epmd::OtpEpmd;
pub use peer::{CREATION, Peer, PeerListener, bare};
pub use ports::free_port;
pub use private_erl::PrivateErl;
pub use probe::{Probe, name_of};
pub use program::NodeProgram;
pub use release::{Release, Slot, installed, release};
pub use soak::{Counted, numbered_messages, numbered_messages_between};
pub use sockets::{Reaper, addresses_of, listeners};
pub use watch::{Watch, chain};
pub use world::{World, start};

/// Expands async functions over a release into tests for OTP 25, OTP 27 and the newest release.
///
/// ```
/// erland_interop_tests::on_every_release! {
///     /// What the test shows.
///     async fn starts(release) {
///         assert!(release.number >= 25);
///     }
/// }
/// ```
#[macro_export]
macro_rules! on_every_release {
    ($($(#[$attribute:meta])* async fn $name:ident($release:ident) $body:block)*) => {
        $(
            $(#[$attribute])*
            async fn $name($release: &'static $crate::Release) $body
        )*

        #[cfg(test)]
        mod otp25 {
            $crate::on_every_release!(@tests Otp25, $($name)*);
        }
        #[cfg(test)]
        mod otp27 {
            $crate::on_every_release!(@tests Otp27, $($name)*);
        }
        #[cfg(test)]
        mod newest {
            $crate::on_every_release!(@tests Newest, $($name)*);
        }
    };
    (@tests $slot:ident, $($name:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::release($crate::Slot::$slot)).await;
            }
        )*
    };
}

/// The program in the README compiles, and what it shows of terms holds.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
