//! Much of the same work on all cores. Knows nothing of what is done.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::thread;

/// Below so many pieces one thread is done before a second one has begun.
const MUCH: usize = 1_000;

/// What `each` makes of the pieces, in their order. When there are many, each core takes a stretch of them; a panic in one
/// is a panic here.
pub(super) fn spread<T: Sync, R: Send>(pieces: &[T], each: impl Fn(&T) -> R + Sync) -> Vec<R> {
    if pieces.len() < MUCH {
        return pieces.iter().map(each).collect();
    }
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let each = &each;
    thread::scope(|scope| {
        let stretches = pieces.chunks(pieces.len().div_ceil(cores));
        let threads: Vec<_> = stretches
            .map(|stretch| scope.spawn(move || stretch.iter().map(each).collect::<Vec<R>>()))
            .collect();
        let mut all = Vec::with_capacity(pieces.len());
        for thread in threads {
            all.extend(thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_comes_once_and_in_order() {
        for many in [0, 1, MUCH - 1, MUCH, 10 * MUCH + 7] {
            let pieces: Vec<usize> = (0..many).collect();
            let twice: Vec<usize> = pieces.iter().map(|n| 2 * n).collect();
            assert_eq!(spread(&pieces, |n| 2 * n), twice);
        }
    }

    #[test]
    #[should_panic(expected = "piece 7777")]
    fn a_panic_is_passed_on() {
        let pieces: Vec<usize> = (0..10 * MUCH).collect();
        spread(&pieces, |n| assert_ne!(*n, 7777, "piece 7777"));
    }
}
