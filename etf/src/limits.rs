//! How much one decoded term may cost its receiver.

/// The most memory a term may take, in bytes: 256 MiB, which is also the largest message a
/// connection takes unless told otherwise.
const MAX_HEAP: usize = 256 * 1024 * 1024;

/// The most bytes a compressed term may have in its plain form: 64 MiB.
const MAX_INFLATED: usize = 64 * 1024 * 1024;

/// What decoding one term may use.
///
/// Independent of any limit here, decoding never reserves more than 64 bytes of memory for each
/// byte of input, whatever lengths the input claims, and nesting costs no thread stack. Of a
/// compressed term (feature `zlib`) what counts as input is the plain form, which may be a thousand
/// times longer than the bytes that came: [`max_inflated`](Self::max_inflated) bounds it, and to
/// make it no more than four times what came or came out is reserved, whatever size is claimed.
///
/// ```
/// use erland_etf::Limits;
///
/// let limits = Limits::default().with_max_heap(1024 * 1024);
/// assert_eq!(limits.max_heap(), 1024 * 1024);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    max_heap: usize,
    max_inflated: usize,
}

impl Limits {
    /// The limits that apply when none are named.
    pub const DEFAULT: Self = Self {
        max_heap: MAX_HEAP,
        max_inflated: MAX_INFLATED,
    };

    /// Sets the most memory in bytes that the decoded term may take (256 MiB by default).
    ///
    /// Of a binary that is a slice of the input, only the handle counts; it keeps the input alive
    /// instead. The work space of the decoder does not count.
    #[must_use]
    pub const fn with_max_heap(mut self, bytes: usize) -> Self {
        self.max_heap = bytes;
        self
    }

    /// The most memory in bytes that the decoded term may take.
    #[must_use]
    pub const fn max_heap(&self) -> usize {
        self.max_heap
    }

    /// Sets the most bytes that a compressed term may have in its plain form (64 MiB by default).
    /// A term that claims more is refused before anything is inflated. 0 refuses all.
    #[must_use]
    pub const fn with_max_inflated(mut self, bytes: usize) -> Self {
        self.max_inflated = bytes;
        self
    }

    /// The most bytes that a compressed term may have in its plain form.
    #[must_use]
    pub const fn max_inflated(&self) -> usize {
        self.max_inflated
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
