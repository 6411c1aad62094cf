//! The online half: the sidecar in the request path.
