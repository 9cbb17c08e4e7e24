//! How much one decoded term may cost its receiver.

/// The most memory a term may take, in bytes: 256 MiB, which is also the largest message a
/// connection takes unless told otherwise.
const MAX_HEAP: usize = 256 * 1024 * 1024;

/// What decoding one term may use.
///
/// Independent of any limit here, decoding never reserves more than 64 bytes of memory for each
/// byte of input, whatever lengths the input claims, and nesting costs no thread stack.
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
}

impl Limits {
    /// The limits that apply when none are named.
    pub const DEFAULT: Self = Self { max_heap: MAX_HEAP };

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
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
