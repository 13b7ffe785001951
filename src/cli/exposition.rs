//! Joins the two faces, which do not know each other: the HTTP face asks for an exposition, the metrics write it.

use std::sync::Arc;

use crate::engine::board::Board;
use crate::engine::vitals::Vitals;
use crate::http::body::Parts;
use crate::http::negotiate;
use crate::http::router::Exposition;
use crate::metrics::exposition::Metrics;
use crate::metrics::writer;

impl Exposition for Metrics {
    fn render(&self, board: &Arc<Board>, vitals: &Vitals, format: negotiate::Format) -> Parts {
        let format = match format {
            negotiate::Format::Text => writer::Format::Text,
            negotiate::Format::OpenMetrics => writer::Format::OpenMetrics,
        };
        let exposed = self.render(board, vitals, format);
        Parts {
            shared: exposed.shared,
            own: exposed.own,
        }
    }

    fn served(&self, route: &str, code: u16) {
        self.served(route, code);
    }
}
