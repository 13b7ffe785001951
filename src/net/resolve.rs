//! Names to addresses by the system's resolver, a few at a time. A look-up that hangs in the system cannot be
//! cancelled and holds a thread; with a bound, a mute resolver cannot eat the threads that other work needs.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

/// The most look-ups in flight in the whole process, well below the 512 threads of the blocking pool.
const LOOKUPS: usize = 32;

static PERMITS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(LOOKUPS)));

/// The bounded resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct BoundedResolver;

impl Resolve for BoundedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let permit = PERMITS.clone().acquire_owned().await?;
            // A task of its own holds the permit until the system is done, even when the caller's time ran out.
            let lookup = tokio::spawn(async move {
                let found = tokio::net::lookup_host((name.as_str(), 0)).await;
                drop(permit);
                found.map(Iterator::collect::<Vec<SocketAddr>>)
            });
            let addresses = lookup.await??;
            if addresses.is_empty() {
                return Err("the name has no address".into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
