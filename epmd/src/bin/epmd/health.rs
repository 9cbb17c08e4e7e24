//! `-health`: does the daemon answer as nodes need it? For the health checks of containers.

use crate::addresses::{BadList, listen_on};
use erland_epmd::{Client, Error, Family};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// For each address; a daemon that needs longer is of no use to a node.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Why the daemon is not well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unhealthy {
    #[error(transparent)]
    List(#[from] BadList),
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
    #[error("no proper answer from {place}: {}", chain(.error))]
    Answer { place: String, error: Error },
    /// Nodes of OTP refuse such an answer (`erl_epmd:names/1`).
    #[error("the daemon at {place} says that its port is {told}")]
    OtherPort { place: String, told: u16 },
}

/// Asks for the names: at each address of the list, or at a loopback address if there is no list.
pub(crate) fn check(list: Option<&str>, port: u16) -> Result<(), Unhealthy> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        for (place, client) in daemons(list, port)? {
            match client.with_timeout(TIMEOUT).names().await {
                Ok(names) if names.port == port => {}
                Ok(names) => {
                    let told = names.port;
                    return Err(Unhealthy::OtherPort { place, told });
                }
                Err(error) => return Err(Unhealthy::Answer { place, error }),
            }
        }
        Ok(())
    })
}

/// Where to ask, as text and as clients.
fn daemons(list: Option<&str>, port: u16) -> Result<Vec<(String, Client)>, BadList> {
    let asked_for = listen_on(list)?
        .into_iter()
        .filter(|listen| !listen.implicit);
    let daemons: Vec<_> = asked_for
        .map(|listen| {
            let address = SocketAddr::new(reachable(listen.address), port);
            (address.to_string(), Client::new(address))
        })
        .collect();
    if daemons.is_empty() {
        let client = Client::local(port, Family::Any);
        return Ok(vec![(format!("port {port} of this host"), client)]);
    }
    Ok(daemons)
}

/// An any-address can be listened on but not connected to everywhere.
fn reachable(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}

/// An error with all that caused it.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
