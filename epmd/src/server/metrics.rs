//! What happened to a server so far, in numbers.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Something that is counted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    Accepted,
    AcceptError,
    Crowded,
    NotAllowed,
    NotLocal,
    NotOffered,
    Malformed,
    Late,
    Unread,
    Closed,
    Broken,
    Registered,
    Unregistered,
    Duplicate,
    Unregistrable,
    NamesFull,
    Found,
    NotFound,
    Names,
    Dump,
    Kill,
    Stop,
}

/// A table of what is counted: the event, the field of [`Metrics`], the name and label for the
/// facade.
macro_rules! counters {
    ($($(#[$doc:meta])* $event:ident => $field:ident, $name:literal, $cause:literal;)*) => {
        /// What happened since a server started, and how much it holds now. The counters only
        /// grow; each is right by itself, and two of them may be one event apart.
        #[non_exhaustive]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Metrics {
            /// Nodes registered now.
            pub names: usize,
            /// The most nodes that were registered at once.
            pub peak_names: usize,
            /// Connections that are served now and are not those of registered nodes. Requests
            /// that were complete when they were accepted are answered at once, and never show.
            pub connections: usize,
            $($(#[$doc])* pub $field: u64,)*
        }

        #[derive(Debug, Default)]
        pub(super) struct Counters {
            peak_names: AtomicUsize,
            $($field: AtomicU64,)*
        }

        impl Counters {
            pub(super) fn count(&self, event: Event) {
                match event {
                    $(Event::$event => {
                        self.$field.fetch_add(1, Ordering::Relaxed);
                        #[cfg(feature = "metrics")]
                        metrics::counter!($name, "kind" => $cause).increment(1);
                    })*
                }
            }

            pub(super) fn snapshot(&self, names: usize, connections: usize) -> Metrics {
                Metrics {
                    names,
                    peak_names: self.peak_names.load(Ordering::Relaxed),
                    connections,
                    $($field: self.$field.load(Ordering::Relaxed),)*
                }
            }
        }
    };
}

counters! {
    /// Connections accepted, those included that were then refused.
    Accepted => accepted, "epmd_connections_total", "accepted";
    /// Accepts that failed, as without a file descriptor left.
    AcceptError => accept_errors, "epmd_connections_total", "accept_error";
    /// Connections closed at once because as many as allowed were open.
    Crowded => refused_crowded, "epmd_connections_total", "crowded";
    /// Connections closed at once because of the peer's address.
    NotAllowed => refused_not_allowed, "epmd_connections_total", "not_allowed";
    /// Requests refused because the peer is not on this host.
    NotLocal => refused_not_local, "epmd_refused_total", "not_local";
    /// KILL and STOP requests that the server was not set to obey.
    NotOffered => refused_not_offered, "epmd_refused_total", "not_offered";
    /// Connections closed because of what they sent.
    Malformed => malformed, "epmd_refused_total", "malformed";
    /// Connections closed because the request was not complete in time.
    Late => requests_late, "epmd_refused_total", "late";
    /// Connections reset because the reply was not read in time, or because too much of other
    /// replies was not read.
    Unread => replies_unread, "epmd_refused_total", "unread";
    /// Connections that the peer closed before its request was complete.
    Closed => closed_early, "epmd_refused_total", "closed_early";
    /// Connections that broke.
    Broken => broken, "epmd_refused_total", "broken";
    /// Registrations.
    Registered => registered, "epmd_names_total", "registered";
    /// Registrations that ended.
    Unregistered => unregistered, "epmd_names_total", "unregistered";
    /// Registrations refused because the name is taken.
    Duplicate => duplicates, "epmd_names_total", "duplicate";
    /// Registrations refused because of the form of the name or of the extra field.
    Unregistrable => unregistrable, "epmd_names_total", "unregistrable";
    /// Registrations refused because as many nodes as allowed are registered.
    NamesFull => names_full, "epmd_names_total", "full";
    /// Look-ups of a registered name.
    Found => lookups_found, "epmd_requests_total", "lookup_found";
    /// Look-ups of a name that is not registered.
    NotFound => lookups_not_found, "epmd_requests_total", "lookup_not_found";
    /// NAMES requests.
    Names => names_requests, "epmd_requests_total", "names";
    /// DUMP requests.
    Dump => dump_requests, "epmd_requests_total", "dump";
    /// KILL requests, obeyed or not.
    Kill => kill_requests, "epmd_requests_total", "kill";
    /// STOP requests, of known and of unknown names.
    Stop => stop_requests, "epmd_requests_total", "stop";
}

impl Counters {
    /// So many nodes are registered now.
    pub(super) fn registered(&self, names: usize) {
        self.peak_names.fetch_max(names, Ordering::Relaxed);
        #[cfg(feature = "metrics")]
        {
            // Exact: there are fewer names than a float has integers.
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
            metrics::gauge!("epmd_names").set(names as f64);
        }
    }
}
