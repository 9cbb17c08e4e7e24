//! The server of `erland-epmd` as a program embeds it, in a process of its own: so that its memory
//! and its files are not the generator's.

use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};

use erland_epmd::Server;

/// The first argument that makes this program such a server.
pub const ARGUMENT: &str = "epmd-embedded";

/// `-port N` as arguments, as for a daemon.
pub fn main(arguments: &[String]) -> Result<(), String> {
    let port: u16 = match arguments {
        [flag, port] if flag == "-port" => port.parse().map_err(|_| "no port".to_owned())?,
        _ => return Err("an embedded server needs -port N".to_owned()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        let server = Server::bind(&[address])
            .await
            .map_err(|error| error.to_string())?;
        let _handle = server.start();
        // Until the process is killed.
        pending::<Result<(), String>>().await
    })
}
