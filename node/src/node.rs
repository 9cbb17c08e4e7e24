//! What is a node? The handle that programs hold, and what all its parts share.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use erland_dist::NodeName;
use erland_etf::{Atom, NodeId, Pid, Reference};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::alias::AliasTable;
use crate::builder::NodeBuilder;
use crate::config::Config;
use crate::dest::Dest;
use crate::epmds::Epmds;
use crate::error::{ConnectError, RegisterError, SendError, TrySendError};
use crate::event::{EventHub, NodeEvents};
use crate::exit_reason::ExitReason;
use crate::net::{BusyLimit, Net, SendBacklog};
use crate::payload::Payload;
use crate::process::Kind;
use crate::process::table::ProcessTable;
use crate::registry::Registry;
use crate::sync::Mutex;

/// A running node. Cheap to clone; every clone is the same node.
///
/// Dropping the last handle does not stop it, since its processes run on: [`shutdown`](Node::shutdown)
/// does.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use erland::{Node, atom};
///
/// let node = Node::builder("rust@127.0.0.1").cookie("secret").start().await?;
/// node.ping("erl@127.0.0.1").await?;
/// node.send((atom!("shell"), atom!("erl@127.0.0.1")), atom!("hello")).await?;
/// node.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Node(Arc<NodeInner>);

/// What the parts of a node share.
pub(crate) struct NodeInner {
    /// For tasks and processes, which keep the node alive.
    me: Weak<NodeInner>,
    pub(crate) name: NodeName,
    /// The name and this incarnation's creation: in every pid and reference made here.
    pub(crate) id: NodeId,
    pub(crate) config: Config,
    /// Where processes and connections run, also when started from outside the runtime.
    pub(crate) runtime: Handle,
    port: u16,
    pub(crate) processes: ProcessTable,
    pub(crate) names: Registry,
    pub(crate) aliases: AliasTable,
    pub(crate) net: Net,
    pub(crate) events: EventHub,
    pub(crate) epmds: Epmds,
    pub(crate) tasks: Tasks,
    /// The sender of what the node itself sends.
    kernel: OnceLock<Pid>,
    references: AtomicU64,
    /// Tells references of this incarnation from guesses.
    reference_salt: u32,
    unlink_ids: AtomicU64,
    /// Control messages received that were of no known operation.
    pub(crate) unknown_controls: AtomicU64,
}

/// The tasks that belong to the node and not to a process or a connection.
#[derive(Debug)]
pub(crate) struct Tasks {
    listeners: Mutex<Vec<JoinHandle<()>>>,
    keeper: Mutex<Option<JoinHandle<()>>>,
    epmd_addr: OnceLock<SocketAddr>,
    /// Set when shutdown begins.
    stopping: watch::Sender<bool>,
    /// Set when it is done.
    stopped: watch::Sender<bool>,
}

impl Node {
    /// Begins to configure a node with this name: `name@host`.
    pub fn builder(name: impl Into<String>) -> NodeBuilder {
        NodeBuilder::new(name.into())
    }

    /// The node's name.
    #[must_use]
    pub fn name(&self) -> &NodeName {
        &self.0.name
    }

    /// The node's name and creation, as its pids carry them.
    #[must_use]
    pub fn id(&self) -> &NodeId {
        &self.0.id
    }

    /// This incarnation's creation: 32 random bits, at least 4, the same until the node stops.
    #[must_use]
    pub fn creation(&self) -> u32 {
        self.0.id.creation()
    }

    /// The port on which the node accepts connections; 0 if it does not, because it has its name
    /// from [another node](NodeBuilder::named_by).
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// The epmd at which the node first registered, embedded or not; `None` without one.
    #[must_use]
    pub fn epmd_addr(&self) -> Option<SocketAddr> {
        self.0.tasks.epmd_addr()
    }

    /// Sends a message in the name of the node; see [`Context::send`](crate::Context::send), which
    /// this is in every respect but the sender.
    ///
    /// # Errors
    ///
    /// The message cannot be encoded for that node; nothing else.
    pub async fn send(
        &self,
        dest: impl Into<Dest>,
        message: impl Into<Payload>,
    ) -> Result<(), SendError> {
        self.0
            .send_message(&self.0.kernel_pid(), dest.into(), message.into())
            .await
    }

    /// Sends a message in the name of the node if that takes no waiting; see
    /// [`Context::try_send`](crate::Context::try_send).
    ///
    /// # Errors
    ///
    /// There is no room, no connection, or the message cannot be encoded for that node. It has not
    /// been sent then.
    pub fn try_send(
        &self,
        dest: impl Into<Dest>,
        message: impl Into<Payload>,
    ) -> Result<(), TrySendError> {
        self.0
            .try_send_message(&self.0.kernel_pid(), dest.into(), message.into())
    }

    /// Sends an exit signal in the name of the node; see [`Context::exit`](crate::Context::exit).
    pub fn exit(&self, pid: &Pid, reason: impl Into<ExitReason>) {
        self.0
            .exit_process(&self.0.kernel_pid(), pid, reason.into());
    }

    /// Is this process of this node alive?
    #[must_use]
    pub fn is_alive(&self, pid: &Pid) -> bool {
        self.0.processes.is_alive(pid)
    }

    /// The processes of this node.
    #[must_use]
    pub fn processes(&self) -> Vec<Pid> {
        self.0.processes.pids()
    }

    /// Registers a process of this node under a name, until it ends or is unregistered.
    ///
    /// # Errors
    ///
    /// The name is taken or `undefined`, or the process has a name already, is not of this node or
    /// is not alive.
    pub fn register(&self, name: impl Into<Atom>, pid: &Pid) -> Result<(), RegisterError> {
        self.0.names.register(name.into(), pid, &self.0.processes)
    }

    /// Frees a name; false if nobody had it.
    pub fn unregister(&self, name: impl Into<Atom>) -> bool {
        self.0.names.unregister(&name.into())
    }

    /// The process registered under a name on this node.
    #[must_use]
    pub fn whereis(&self, name: impl Into<Atom>) -> Option<Pid> {
        self.0.names.whereis(&name.into())
    }

    /// All names registered on this node, sorted.
    #[must_use]
    pub fn registered(&self) -> Vec<Atom> {
        self.0.names.registered()
    }

    /// Connects to a node, or waits for the attempt that is under way. Any message, link or
    /// monitor to a node does so by itself; this tells how it went. A node is always connected to
    /// itself.
    ///
    /// Cancel safe: the attempt goes on without the caller.
    ///
    /// # Errors
    ///
    /// Why there is no connection, with the stage.
    pub async fn connect(&self, node: &str) -> Result<(), ConnectError> {
        let name = NodeName::parse(node)?;
        if name == self.0.name {
            return Ok(());
        }
        self.0.net.connect(&self.0, name.atom()).await
    }

    /// Closes the connection to a node, as `erlang:disconnect_node/1`; false if there is none.
    pub fn disconnect(&self, node: &str) -> bool {
        match Atom::new(node) {
            Ok(name) => self.0.net.disconnect(&self.0, &name),
            Err(_) => false,
        }
    }

    /// The nodes connected now, sorted.
    #[must_use]
    pub fn nodes(&self) -> Vec<Atom> {
        self.0.net.nodes()
    }

    /// How many control messages this node has received whose operation it does not know, from all
    /// peers since it started. Each is logged and dropped and its connection goes on, so more than
    /// 0 says that a peer of a later release uses something that this one lacks; OTP 25 to 29 would
    /// have closed the connection.
    #[must_use]
    pub fn unknown_control_messages(&self) -> u64 {
        self.0.unknown_controls.load(Ordering::Relaxed)
    }

    /// What happens to connections from now on.
    #[must_use]
    pub fn events(&self) -> NodeEvents {
        self.0.events.subscribe()
    }

    /// When connections become busy and when they are ready again, from now on: OTP's
    /// `busy_dist_port` of `erlang:system_monitor/2`. Only [`NodeEvent::DistBusy`] and
    /// [`NodeEvent::DistReady`], which may be many: on a connection that is used to capacity, some
    /// thousand a second.
    ///
    /// [`NodeEvent::DistBusy`]: crate::NodeEvent::DistBusy
    /// [`NodeEvent::DistReady`]: crate::NodeEvent::DistReady
    #[must_use]
    pub fn busy_events(&self) -> NodeEvents {
        self.0.net.limit().events.subscribe()
    }

    /// What waits to be sent to a node; nothing if there is no connection to it.
    #[must_use]
    pub fn backlog_to(&self, node: &str) -> SendBacklog {
        Atom::new(node).map_or_else(
            |_| SendBacklog::default(),
            |name| self.0.net.backlog_to(&name),
        )
    }

    /// What waits to be sent to all nodes together.
    #[must_use]
    pub fn backlog(&self) -> SendBacklog {
        self.0.net.backlog()
    }

    /// Stops the node, in this order: it accepts no more connections and its name is free; its
    /// processes get the exit signal `shutdown`, and those still alive after
    /// [`shutdown_timeout`](NodeBuilder::shutdown_timeout) are killed; what was sent is written,
    /// for as long again; the connections close, so that peers see the node down at once.
    ///
    /// Cancel safe: the shutdown goes on without the caller, and every caller waits for the same
    /// one.
    pub async fn shutdown(&self) {
        let tasks = &self.0.tasks;
        if !tasks.stopping.send_replace(true) {
            // In a task of its own: the caller may be a process of this node.
            self.0.runtime.spawn(self.clone().stop());
        }
        let mut stopped = tasks.stopped.subscribe();
        // The sender lives as long as the node.
        let _stopped = stopped.wait_for(|stopped| *stopped).await;
    }

    async fn stop(self) {
        let inner = self.inner();
        let tasks = &inner.tasks;
        let listeners = std::mem::take(&mut *tasks.listeners.lock());
        for listener in listeners {
            listener.abort();
            // Aborted is the answer that is wanted.
            let _aborted = listener.await;
        }
        let keeper = tasks.keeper.lock().take();
        if let Some(keeper) = keeper
            && let Err(error) = keeper.await
        {
            tracing::error!(%error, "the name's keeper failed");
        }
        self.end_processes().await;
        self.finish_links().await;
        for pid in inner.processes.pids() {
            self.exit(&pid, ExitReason::Kill);
        }
        inner.processes.none_left(Kind::System).await;
        inner.events.close();
        inner.net.limit().events.close();
        tasks.stopped.send_replace(true);
        tracing::info!(node = ?inner.name, "node stopped");
    }

    async fn end_processes(&self) {
        let inner = self.inner();
        for reason in [ExitReason::Shutdown, ExitReason::Kill] {
            // Not those that stand for the node: who watches them hears `noconnection`, as of any
            // node.
            for pid in inner.processes.user_pids() {
                self.exit(&pid, reason.clone());
            }
            let ended = inner.processes.none_left(Kind::User);
            if tokio::time::timeout(inner.config.shutdown_timeout, ended)
                .await
                .is_ok()
            {
                return;
            }
        }
        tracing::warn!("processes that never await are left behind");
    }

    async fn finish_links(&self) {
        let inner = self.inner();
        let links = inner.net.stop(inner);
        let deadline = tokio::time::Instant::now() + inner.config.shutdown_timeout;
        for link in &links {
            link.finish();
        }
        for link in links {
            if tokio::time::timeout_at(deadline, Net::finish(&link))
                .await
                .is_err()
            {
                inner.net.cut(inner, &link);
                link.gone().await;
            }
        }
    }

    pub(crate) fn inner(&self) -> &NodeInner {
        &self.0
    }
}

impl NodeInner {
    pub(crate) fn start(
        runtime: Handle,
        name: NodeName,
        id: NodeId,
        config: Config,
        port: u16,
    ) -> Node {
        Node(Arc::new_cyclic(|me| NodeInner {
            me: me.clone(),
            name,
            processes: ProcessTable::new(id.clone()),
            id,
            net: Net::new(BusyLimit::new(config.dist_buf_busy_limit)),
            config,
            runtime,
            port,
            names: Registry::default(),
            aliases: AliasTable::default(),
            events: EventHub::new(),
            epmds: Epmds::default(),
            tasks: Tasks {
                listeners: Mutex::default(),
                keeper: Mutex::default(),
                epmd_addr: OnceLock::new(),
                stopping: watch::Sender::new(false),
                stopped: watch::Sender::new(false),
            },
            kernel: OnceLock::new(),
            references: AtomicU64::new(1),
            reference_salt: random_u32(),
            unlink_ids: AtomicU64::new(1),
            unknown_controls: AtomicU64::new(0),
        }))
    }

    /// The handle to this node.
    pub(crate) fn handle(&self) -> Node {
        // A method of `self` runs because somebody holds the node.
        Node(
            self.me
                .upgrade()
                .unwrap_or_else(|| unreachable!("the node is borrowed")),
        )
    }

    pub(crate) fn kernel_pid(&self) -> Pid {
        // Set before the node is handed out; id 0 is never given to a process.
        self.kernel
            .get()
            .cloned()
            .unwrap_or_else(|| Pid::new(self.id.clone(), 0, 0))
    }

    pub(crate) fn set_kernel_pid(&self, pid: Pid) {
        self.kernel.get_or_init(|| pid);
    }

    /// A reference that this node has not made before.
    ///
    /// The first word varies fastest, because `erlang:phash2/1` reads no other; it has 18 bits, as
    /// a BEAM's own do.
    pub(crate) fn make_reference(&self) -> Reference {
        let number = self.references.fetch_add(1, Ordering::Relaxed);
        let words = [
            (number & 0x3_ffff) as u32,
            (number >> 18) as u32,
            self.reference_salt,
        ];
        Reference::new(self.id.clone(), &words)
            .unwrap_or_else(|_| unreachable!("three words are within the limit of five"))
    }

    /// Never 0, which OTP refuses.
    pub(crate) fn fresh_unlink_id(&self) -> u64 {
        self.unlink_ids.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn random_u32(&self) -> u32 {
        random_u32()
    }
}

/// For challenges, which must not be guessed.
fn random_u32() -> u32 {
    // The same source gave the node its creation a moment ago; an operating system that takes it
    // back leaves nothing safe to continue with.
    getrandom::u32().unwrap_or_else(|error| panic!("no random numbers: {error}"))
}

impl Tasks {
    pub(crate) fn listener(&self, task: JoinHandle<()>) {
        self.listeners.lock().push(task);
    }

    pub(crate) fn keeper(&self, task: JoinHandle<()>) {
        *self.keeper.lock() = Some(task);
    }

    /// Where the node registered when it started, and registers again.
    pub(crate) fn epmd_addr(&self) -> Option<SocketAddr> {
        self.epmd_addr.get().copied()
    }

    pub(crate) fn set_epmd_addr(&self, addr: SocketAddr) {
        self.epmd_addr.get_or_init(|| addr);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("name", &self.0.name)
            .field("port", &self.0.port)
            .finish()
    }
}
