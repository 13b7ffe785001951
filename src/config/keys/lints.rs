//! The keys of `[lints]`, made from the table of codes, and of what is allowed for a while. Knows no meaning beyond a
//! description.

use super::{Key, Shape, TableKind, key};
use crate::config::finding::Code;

static CODES: [Key; Code::COUNT] = {
    let mut keys = [const { key("", Shape::Later, "") }; Code::COUNT];
    let mut nth = 0;
    while nth < Code::COUNT {
        let code = Code::ALL[nth];
        keys[nth] = key(
            code.as_str(),
            Shape::Words(&["error", "warning", "info", "off"]),
            code.sentence(),
        )
        .default(code.severity().quoted());
        nth += 1;
    }
    keys
};

pub(crate) static LINTS: TableKind = TableKind::new(
    "the lints",
    "How bad findings are taken, by their code. What makes a configuration unusable stays an error.",
    &CODES,
);

pub(crate) static ALLOWED: TableKind = TableKind::new(
    "an allowance",
    "A finding that is not told for a while, and why.",
    &[
        key("code", Shape::Lint, "The code of the finding.")
            .needed()
            .examples(&["\"KR-WINDOW\""]),
        key("reason", Shape::Line, "Why it is right here.")
            .needed()
            .examples(&["\"the survey has no shorter window\""]),
        key(
            "until",
            Shape::Date,
            "The last day on which it is allowed, in `timezone`.",
        )
        .needed()
        .examples(&["2026-12-31"]),
    ],
);

/// What may stand in every table that findings point into.
pub(crate) const ALLOW: Key = key(
    "allow",
    Shape::Tables(&ALLOWED),
    "Findings in this table, and in those below it, that are not told for a while.",
)
.examples(&[
    "[{ code = \"KR-WINDOW\", reason = \"the survey has no shorter window\", until = 2026-12-31 }]",
]);
