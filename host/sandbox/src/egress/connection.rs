//! An HTTP connection that carries one exchange.

/// Drives the connection until the answer is complete. If the connection ends first, the data that was already read
/// from it is still delivered.
pub(crate) async fn drive<T>(
    connection: impl Future<Output = hyper::Result<()>>,
    answer: impl Future<Output = T>,
) -> T {
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        done = &mut answer => return done,
        ended = connection => if let Err(error) = ended {
            tracing::debug!(%error, "an upstream's connection ended with an error");
        },
    }
    answer.await
}
