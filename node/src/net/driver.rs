//! Who moves bytes between one transport and its link? One task, which alone owns the socket.
//!
//! It reads on while a write is blocked, writes everything pending at each wake, and hands each
//! received signal straight to the process it is for.

use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use erland_dist::{Event, Inbound, TickAction, Ticker};
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};

use super::inbound::{deliver, unknown};
use super::link::{Link, Order};
use crate::config::DIST_BUF_BUSY_LIMIT;
use crate::error::Chain;
use crate::event::NodeDownReason;
use crate::node::Node;
use crate::transport::BoxedTransport;

/// Frames delivered in one poll before other tasks get their turn.
const FRAMES_PER_POLL: usize = 256;
/// Segments in one vectored write.
const SEGMENTS_PER_WRITE: usize = 64;
/// Bytes read in one poll before what is to be written gets its turn: a stream from the peer must
/// not hold up the answer to a small message in it.
const READ_PER_POLL: usize = 256 * 1024;
/// Bytes written in one poll before what has arrived gets its turn.
const WRITTEN_PER_POLL: usize = 256 * 1024;
/// Later fragments handed out in one go, in bytes; what is small waits for these to be written.
pub(super) const BULK_PER_TURN: usize = 4 * 64 * 1024;
/// Unsent bytes, in multiples of what senders may queue and of 1 MiB, above which nothing more is
/// read. Senders wait; only answers to the peer's own signals come to so much.
const ANSWERS_HELD: usize = 16;
/// What is read at least in one go.
const READ_SIZE: usize = 64 * 1024;

pub(super) struct Driver {
    node: Node,
    link: Arc<Link>,
    transport: BoxedTransport,
    inbound: Inbound,
    received: BytesMut,
    segments: VecDeque<Bytes>,
    ticker: Ticker,
    next_tick: Pin<Box<Sleep>>,
    bytes_read: u64,
    answers_held: usize,
    /// All is written and our direction is closed; what is left is the peer's end.
    finished: bool,
}

impl Driver {
    pub(super) fn new(
        node: Node,
        link: Arc<Link>,
        transport: BoxedTransport,
        inbound: Inbound,
        received: BytesMut,
        ticker: Ticker,
    ) -> Driver {
        let first = ticker.first_check(node.inner().random_u32());
        let limit = node.inner().config.dist_buf_busy_limit;
        let answers_held = limit.max(DIST_BUF_BUSY_LIMIT).saturating_mul(ANSWERS_HELD);
        let next_tick = Box::pin(sleep_until(Instant::now() + first));
        Driver {
            node,
            link,
            transport,
            inbound,
            received,
            segments: VecDeque::new(),
            ticker,
            next_tick,
            bytes_read: 0,
            answers_held,
            finished: false,
        }
    }

    /// Serves the connection until it ends, then takes its link down.
    pub(super) async fn run(mut self) {
        let reason = (&mut self).await;
        let Driver {
            node,
            link,
            transport,
            ..
        } = self;
        if let NodeDownReason::Protocol(error) = &reason {
            tracing::error!(node = ?link.peer, error = %Chain(error), "closing a connection that broke the protocol");
        }
        // The socket first: the peer learns of the end as early as our own processes do.
        drop(transport);
        node.inner().net.take_down(node.inner(), &link, reason);
    }

    /// Writes until the transport takes no more or the turn is over; ready only when the
    /// connection is to end.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<NodeDownReason> {
        let mut budget = WRITTEN_PER_POLL;
        loop {
            if budget == 0 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            match self.link.transmit(&mut self.segments, cx.waker()) {
                Order::Write => {}
                Order::Wait => {
                    return match ready!(Pin::new(&mut self.transport).poll_flush(cx)) {
                        Ok(()) => Poll::Pending,
                        Err(error) => Poll::Ready(error.into()),
                    };
                }
                Order::Finish if self.finished => return Poll::Pending,
                Order::Finish => {
                    // Closing a socket with unread input resets it, and a reset can overtake what
                    // was written: so only our direction ends here, and the peer's answer to it
                    // ends the connection.
                    match ready!(Pin::new(&mut self.transport).poll_shutdown(cx)) {
                        Ok(()) => self.finished = true,
                        Err(error) => return Poll::Ready(error.into()),
                    }
                }
                Order::Drop => return Poll::Ready(NodeDownReason::Disconnect),
            }
            let mut slices = [IoSlice::new(&[]); SEGMENTS_PER_WRITE];
            let count = self
                .segments
                .iter()
                .zip(&mut slices)
                .map(|(segment, slice)| *slice = IoSlice::new(segment))
                .count();
            let slices = slices.get(..count).unwrap_or_default();
            match ready!(Pin::new(&mut self.transport).poll_write_vectored(cx, slices)) {
                Ok(0) => return Poll::Ready(io::Error::from(io::ErrorKind::WriteZero).into()),
                Ok(written) => {
                    advance(&mut self.segments, written);
                    self.link.sent(written);
                    budget = budget.saturating_sub(written);
                }
                Err(error) => return Poll::Ready(error.into()),
            }
        }
    }

    /// Reads and delivers; pending when there is nothing to read or the turn is over.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<NodeDownReason> {
        let mut budget = FRAMES_PER_POLL;
        let mut bytes = READ_PER_POLL;
        loop {
            // Nothing is delivered once the end of the connection is being told.
            let Some(gate) = self.link.gate() else {
                return Poll::Ready(NodeDownReason::Disconnect);
            };
            loop {
                match self.inbound.poll(&mut self.received) {
                    Ok(Some(Event::Tick)) => {}
                    Ok(Some(Event::Deliver { control, payload })) => {
                        deliver(self.node.inner(), &self.link, control, payload);
                    }
                    Ok(Some(Event::UnknownControl { op })) => {
                        unknown(self.node.inner(), &self.link, op);
                    }
                    Ok(None) => break,
                    Err(error) => return Poll::Ready(NodeDownReason::Protocol(error)),
                }
                budget -= 1;
                if budget == 0 {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
            drop(gate);
            if bytes == 0 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.received.reserve(self.inbound.wanted().max(READ_SIZE));
            match ready!(pin!(self.transport.read_buf(&mut self.received)).poll(cx)) {
                Ok(0) if self.finished => return Poll::Ready(NodeDownReason::Shutdown),
                Ok(0) => return Poll::Ready(NodeDownReason::ConnectionClosed),
                Ok(read) => {
                    self.bytes_read += read as u64;
                    bytes = bytes.saturating_sub(read);
                }
                Err(error) => return Poll::Ready(error.into()),
            }
        }
    }

    fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<NodeDownReason> {
        while self.next_tick.as_mut().poll(cx).is_ready() {
            let (written, pending) = self.link.progress();
            match self.ticker.check(self.bytes_read, written, pending) {
                TickAction::Nothing => {}
                TickAction::Send => self.link.push_tick(),
                TickAction::Down => return Poll::Ready(NodeDownReason::NetTickTimeout),
            }
            // From now, not from when it was due: a runtime that was held up must not count the
            // intervals it missed as silence of the peer.
            let next = Instant::now() + self.ticker.interval();
            self.next_tick.as_mut().reset(next);
        }
        Poll::Pending
    }
}

impl Future for Driver {
    type Output = NodeDownReason;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<NodeDownReason> {
        let this = &mut *self;
        // Ticks first, so that one they push is written in this turn; then reading, because what
        // it delivers may be answered in this turn as well.
        if let Poll::Ready(reason) = this.poll_tick(cx) {
            return Poll::Ready(reason);
        }
        loop {
            // A peer that asks and does not read the answers is not asked for more questions.
            let held = this.link.unsent_signals() > this.answers_held;
            if !held && let Poll::Ready(reason) = this.poll_read(cx) {
                return Poll::Ready(reason);
            }
            if let Poll::Ready(reason) = this.poll_write(cx) {
                return Poll::Ready(reason);
            }
            if !held || this.link.unsent_signals() > this.answers_held {
                return Poll::Pending;
            }
        }
    }
}

fn advance(segments: &mut VecDeque<Bytes>, mut written: usize) {
    while let Some(front) = segments.front_mut() {
        if written < front.len() {
            front.advance(written);
            return;
        }
        written -= front.len();
        segments.pop_front();
    }
}
