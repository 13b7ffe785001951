//! How far the work of an initiative is, as its tracker counts it. Work done is no success: it is in no score and no status.

/// Issues below an initiative's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// How many of them are done.
    pub done: u64,
    /// How many there are, at least one.
    pub of: u64,
}

impl Work {
    /// So many of so many; `None` where there is nothing to do, which is no work done. Two counts are two questions: one that
    /// overtook the other is cut.
    #[must_use]
    pub fn new(done: u64, of: u64) -> Option<Self> {
        (of > 0).then_some(Self {
            done: done.min(of),
            of,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_to_do_is_no_work_done() {
        assert_eq!(Work::new(0, 0), None);
        assert_eq!(Work::new(2, 8), Some(Work { done: 2, of: 8 }));
        assert_eq!(Work::new(9, 8), Some(Work { done: 8, of: 8 }));
    }
}
