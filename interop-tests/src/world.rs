//! One test's private cluster: its epmd, its cookie, its nodes.

use std::net::{Ipv4Addr, SocketAddr};

use erland::{Epmd, Node, NodeBuilder};

use crate::deadline::within;
use crate::erl::{Erl, ErlOptions, Language};
use crate::otp_epmd::OtpEpmd;
use crate::program::NodeProgram;
use crate::release::Release;
use crate::watch::chain;

/// A cluster of one test: nothing of it is shared with another test or with the machine's epmd.
#[derive(Debug)]
pub struct World {
    release: &'static Release,
    epmd: Option<OtpEpmd>,
    epmd_port: u16,
    cookie: String,
}

impl World {
    /// A cluster around the epmd of `release`.
    pub async fn start(release: &'static Release) -> World {
        let epmd = OtpEpmd::start(release).await;
        World {
            release,
            epmd_port: epmd.port(),
            epmd: Some(epmd),
            cookie: "secret".to_owned(),
        }
    }

    /// A cluster without an epmd yet, on `port`: the test brings its own.
    pub fn with_epmd_port(release: &'static Release, port: u16) -> World {
        World {
            release,
            epmd: None,
            epmd_port: port,
            cookie: "secret".to_owned(),
        }
    }

    /// The release under test.
    pub fn release(&self) -> &'static Release {
        self.release
    }

    /// Where this cluster's epmd listens.
    pub fn epmd_addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.epmd_port).into()
    }

    /// OTP's epmd, when this cluster has one.
    pub fn epmd(&self) -> Option<&OtpEpmd> {
        self.epmd.as_ref()
    }

    /// Takes OTP's epmd out, to kill it.
    pub fn take_epmd(&mut self) -> Option<OtpEpmd> {
        self.epmd.take()
    }

    /// The cookie of all nodes that are not given another.
    pub fn cookie(&self) -> &str {
        &self.cookie
    }

    /// An erland node `name@127.0.0.1` of this cluster, to be configured further.
    pub fn builder(&self, name: &str) -> NodeBuilder {
        Node::builder(format!("{name}@127.0.0.1"))
            .cookie(&self.cookie)
            .epmd(Epmd::At(self.epmd_addr()))
    }

    /// Starts an erland node `name@127.0.0.1`.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn node(&self, name: &str) -> Node {
        start(self.builder(name)).await
    }

    /// Starts the program `node` as `name@127.0.0.1`.
    pub async fn program(&self, name: &str) -> NodeProgram {
        let name = format!("{name}@127.0.0.1");
        NodeProgram::start(&name, &self.cookie, self.epmd_addr()).await
    }

    /// Starts the program `node` as `name@127.0.0.1`, which brings this cluster's epmd if there is
    /// none.
    pub async fn program_with_epmd(&self, name: &str) -> NodeProgram {
        let name = format!("{name}@127.0.0.1");
        NodeProgram::start_auto(&name, &self.cookie, self.epmd_port).await
    }

    /// Starts `erl` as `name@127.0.0.1`.
    pub async fn erl(&self, name: &str) -> Erl {
        self.erl_with(name, ErlOptions::default()).await
    }

    /// Starts `erl` as `name@127.0.0.1` with options.
    pub async fn erl_with(&self, name: &str, options: ErlOptions) -> Erl {
        self.beam(Language::Erlang, name, &options).await
    }

    /// Starts `elixir` as `name@127.0.0.1`.
    pub async fn elixir(&self, name: &str) -> Erl {
        self.beam(Language::Elixir, name, &ErlOptions::default())
            .await
    }

    async fn beam(&self, language: Language, name: &str, options: &ErlOptions) -> Erl {
        let name = match options.nameless {
            Some(_) => "nonode@nohost".to_owned(),
            None => format!("{name}@127.0.0.1"),
        };
        Erl::start(
            self.release,
            language,
            &name,
            self.epmd_port,
            &self.cookie,
            options,
        )
        .await
    }
}

/// Starts a node.
///
/// # Panics
///
/// When it does not start.
pub async fn start(builder: NodeBuilder) -> Node {
    match within("the start of a node", builder.start()).await {
        Ok(node) => node,
        Err(error) => panic!("the node failed to {}", chain(&error)),
    }
}
