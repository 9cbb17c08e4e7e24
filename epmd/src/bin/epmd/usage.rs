//! The usage text.

/// Goes to the standard error stream, before an exit with status 1.
pub(crate) const USAGE: &str = "\
usage: epmd [-d|-debug] [-port No] [-address List] [-daemon] [-systemd]
            [-relaxed_command_check] [-max_names No] [-allow List]
            [-log_format text|json] [-metrics Address:Port] [DbgExtra...]
       epmd [-d|-debug] [-port No] -names|-dump|-started|-kill|-stop Name
       epmd [-port No] [-address List] -health

The Erlang port mapper daemon: it knows on which port each node of its host
listens. This is the one of erland, which takes the flags of OTP's.

The daemon
    -port No
        The TCP port, 4369 unless this flag or ERL_EPMD_PORT says otherwise.
    -address List
        Listen only on these IP addresses, separated by commas, and on the
        loopback addresses. The same as ERL_EPMD_ADDRESS.
    -daemon
        Detach from the terminal and log to syslog. Returns when the port is
        bound.
    -systemd
        Serve on the sockets that systemd has opened (from a .socket unit).
    -relaxed_command_check
        Let -kill end the daemon even if nodes are registered, and -stop
        unregister a node. The same as ERL_EPMD_RELAXED_COMMAND_CHECK.
    -d
    -debug
        Log more on the standard error stream, and remember only 5 unused
        names. May be given up to three times.

The daemon, beyond OTP's
    -max_names No
        Register at most this many names; further ones are refused.
    -allow List
        Serve only these addresses and prefixes, separated by commas, such as
        10.0.0.0/8,fd00::/8. Peers on this host are always served.
    -log_format text|json
        The form of the log.
    -metrics Address:Port
        Tell Prometheus how the daemon fares, over HTTP at that address (if
        built with the feature prometheus).

The daemon, to test clients
    -packet_timeout Seconds
        Close a connection that is idle for this long (60).
    -delay_accept Seconds
        Wait before a connection is accepted.
    -delay_write Seconds
        Wait before a reply is sent.

Actions, which must come last
    -names
        List the registered nodes.
    -dump
        List the registered nodes and the unused names.
    -started
        Exit with status 0 if a daemon answers, else with 1.
    -kill
        End the daemon, if no node is registered.
    -stop Name
        Unregister a node, if the daemon runs with -relaxed_command_check.
    -health
        Check that the daemon answers properly, on each address of -address if
        that is given: status 0, or 1 with the reason on the standard error
        stream.
";
