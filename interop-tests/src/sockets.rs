//! Which process listens where? As the kernel tells it in `/proc`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::Command;

/// All listening TCP sockets: the inode, and the address.
fn listening() -> BTreeMap<u64, SocketAddr> {
    let mut found = BTreeMap::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        // A kernel without IPv6 has no such table.
        let Ok(table) = File::open(table) else {
            continue;
        };
        for line in BufReader::new(table).lines().skip(1) {
            let line = line.expect("a line of the kernel");
            let words: Vec<&str> = line.split_whitespace().collect();
            // The listening ones come first. Behind them are all other sockets, which may be tens
            // of thousands after a test of many connections.
            let [_, local, _, "0A", ..] = words[..] else {
                break;
            };
            if let Some(address) = address(local)
                && let Some(inode) = words.get(9).and_then(|inode| inode.parse().ok())
            {
                found.insert(inode, address);
            }
        }
    }
    found
}

/// `0100007F:1111`, each group of four bytes in the order of this machine.
fn address(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let mut bytes = Vec::new();
    for group in host.as_bytes().chunks(8) {
        let group = u32::from_str_radix(std::str::from_utf8(group).ok()?, 16).ok()?;
        bytes.extend_from_slice(&group.to_ne_bytes());
    }
    let host = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => IpAddr::V4(Ipv4Addr::from(four)),
        Err(_) => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)),
    };
    Some(SocketAddr::new(host, port))
}

/// The inodes of the sockets that a process has.
fn sockets_of(pid: u32) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    // A process that ends meanwhile has none.
    let entries = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten();
    for target in entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()) {
        let target = target.to_string_lossy();
        let inode = target
            .strip_prefix("socket:[")
            .and_then(|rest| rest.strip_suffix(']'));
        found.extend(inode.and_then(|inode| inode.parse::<u64>().ok()));
    }
    found
}

/// The addresses at which a process listens.
pub fn addresses_of(pid: u32) -> BTreeSet<SocketAddr> {
    let sockets = sockets_of(pid);
    let listening = listening().into_iter();
    listening
        .filter_map(|(inode, address)| sockets.contains(&inode).then_some(address))
        .collect()
}

/// The processes that listen on a port.
pub fn listeners(port: u16) -> BTreeSet<u32> {
    let inodes: BTreeSet<u64> = listening()
        .into_iter()
        .filter_map(|(inode, address)| (address.port() == port).then_some(inode))
        .collect();
    let processes = fs::read_dir("/proc").into_iter().flatten();
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| !sockets_of(*pid).is_disjoint(&inodes))
        .collect()
}

/// Kills, when dropped, whatever then listens on a port that is the test's own: a daemon has no
/// parent that would end it.
#[derive(Debug)]
pub struct Reaper {
    /// The port.
    pub port: u16,
}

impl Drop for Reaper {
    fn drop(&mut self) {
        for pid in listeners(self.port) {
            // It may end by itself at the same time.
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
        }
    }
}
