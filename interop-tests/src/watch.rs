//! What does a node say of its connections, and when?

use std::time::Duration;

use erland::{HandshakeFailure, Node, NodeDownReason, NodeEvent, NodeEvents};

use crate::deadline::{DEADLINE, within_time};

/// The events of a node from the moment of subscription on.
#[derive(Debug)]
pub struct Watch {
    events: NodeEvents,
}

impl Watch {
    /// Subscribes.
    pub fn on(node: &Node) -> Watch {
        Watch {
            events: node.events(),
        }
    }

    /// The next event.
    ///
    /// # Panics
    ///
    /// When none comes.
    pub async fn next(&mut self) -> NodeEvent {
        within_time(DEADLINE, "a node event", self.events.recv())
            .await
            .expect("the node has shut down")
    }

    /// Waits for a node to come up, passing over other events.
    pub async fn up(&mut self, name: &str) {
        loop {
            if let NodeEvent::NodeUp { node } = self.next().await
                && node.as_str() == name
            {
                return;
            }
        }
    }

    /// Waits for a node to go down, passing over other events.
    pub async fn down(&mut self, name: &str) -> NodeDownReason {
        loop {
            if let NodeEvent::NodeDown { node, reason } = self.next().await
                && node.as_str() == name
            {
                return reason;
            }
        }
    }

    /// Waits for somebody to be refused, passing over other events.
    pub async fn refused(&mut self) -> HandshakeFailure {
        loop {
            if let NodeEvent::Refused { error, .. } = self.next().await {
                return error;
            }
        }
    }

    /// Asserts that no node goes down for `time`.
    ///
    /// # Panics
    ///
    /// When one does.
    pub async fn nothing_goes_down_for(&mut self, time: Duration) {
        let went_down = async {
            loop {
                match self.events.recv().await {
                    Some(NodeEvent::NodeDown { node, reason }) => return (node, reason),
                    Some(_) => {}
                    None => std::future::pending().await,
                }
            }
        };
        if let Ok((node, reason)) = tokio::time::timeout(time, went_down).await {
            panic!("{node} went down: {reason}");
        }
    }
}

/// An error and everything beneath it, as one text.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
