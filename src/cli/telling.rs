//! What becomes of messages, counted among the metrics. The only place where the two meet.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::fault::FaultClass;
use crate::domain::id::Slug;
use crate::metrics::exposition::Metrics;
use crate::notify::{Standing, Tally};

/// Counts.
pub struct Counted(pub Arc<Metrics>);

impl Tally for Counted {
    fn know(&self, names: &BTreeSet<Slug>) {
        self.0.know_channels(names);
    }

    fn sent(&self, channel: &Slug, _: Timestamp) {
        self.0.message_sent(channel);
    }

    fn failed(&self, channel: &Slug, class: FaultClass) {
        self.0.message_failed(channel, class);
    }

    fn dropped(&self, channel: &Slug) {
        self.0.message_dropped(channel);
    }

    fn stands(&self, channel: &Slug, standing: Standing) {
        let Standing {
            waiting,
            oldest,
            suspended,
        } = standing;
        self.0.messages_wait(channel, waiting, oldest, suspended);
    }
}
