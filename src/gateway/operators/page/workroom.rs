//! Where what is shown is made when somebody looks.

use tokio::sync::Semaphore;
use tokio::task::JoinError;

/// Makes one thing at a time, so that whoever looks takes no more than one core a room from the request path.
pub(super) struct Workroom(Semaphore);

impl Workroom {
    pub(super) fn new() -> Self {
        Self(Semaphore::new(1))
    }

    /// What is made, once it is its turn.
    ///
    /// # Errors
    /// When making it panics.
    pub(super) async fn make<T: Send + 'static>(
        &self,
        make: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        // It is never closed.
        let _turn = self.0.acquire().await.ok();
        tokio::task::spawn_blocking(make).await
    }
}
