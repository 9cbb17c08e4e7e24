//! What does OTP expect to find on a node? Each service is an ordinary registered process.

pub(crate) mod net_kernel;
