//! The keys of objectives, key results and initiatives. Knows no meaning beyond a description.

use super::daemon::{JITTER, SCHEDULE, TIMEOUT};
use super::lints::ALLOW;
use super::{Key, Names, Shape, TableKind, key, later};
use crate::config::finding::Code;

pub(crate) static OBJECTIVE: TableKind = TableKind::new(
    "an objective",
    "A qualitative aim, proven by its key results.",
    &[
        key(
            "title",
            Shape::Label,
            "What it says. Numbers belong in key results.",
        )
        .needed()
        .examples(&["\"More people find their way to our website\""]),
        key("why", Shape::Prose, "Why it matters.").examples(&["\"Who has found us once is likely to look with us first the next time\""]),
        key(
            "parent",
            Shape::Slug,
            "The objective of the same cycle that it serves.",
        )
        .examples(&["\"reflex\""]),
        key(
            "parent_link",
            Shape::Words(&["supports", "contributes"]),
            "supports: drawn only; contributes: counts in the parent's score.",
        )
        .default("\"supports\""),
        key(
            "ambition",
            Shape::Words(&["aspirational", "committed"]),
            "aspirational: 60 to 70 % is achieved; committed: all of it is due.",
        )
        .default("\"aspirational\""),
        key(
            "key_results",
            Shape::Map(Names::Slug, &Shape::Table(&KEY_RESULT)),
            "What proves it, by id: two to five measured numbers.",
        )
        .needed_as(Code::ObjKrs)
        .examples(&["{ subscribers = { title = \"Pass 1,000 subscribers\", unit = \"subscribers\", baseline = 640, target = 1000 } }"]),
        key(
            "initiatives",
            Shape::Map(Names::Slug, &Shape::Table(&INITIATIVE)),
            "What is tried to get there, by id; never counts into progress.",
        )
        .examples(&["{ letter = { title = \"A weekly letter worth opening\", state = \"doing\" } }"]),
        key(
            "was",
            Shape::Slug,
            "The id it had before it was renamed: what was measured under that id stays with it.",
        )
        .examples(&["\"more-readers\""]),
        key(
            "amendments",
            Shape::Tables(&OBJECTIVE_AMENDMENT),
            "Changes of the objective itself, made after the start of the cycle.",
        )
        .examples(&["[{ date = 2026-11-02, field = \"ambition\", from = \"committed\", to = \"aspirational\", reason = \"Half of the budget went elsewhere\", approved_by = \"head of content\" }]"]),
        ALLOW,
        later("weight"),
    ],
);

pub(crate) static KEY_RESULT: TableKind = TableKind::new(
    "a key result",
    "One measured number that proves an objective: from a baseline to a target, or a band to hold.",
    &[
        key("title", Shape::Label, "What it says.").needed().examples(&["\"Pass 1,000 subscribers\""]),
        key("why", Shape::Prose, "How it proves the objective.").examples(&["\"Who subscribes has decided to come back\""]),
        key("unit", Shape::Label, "The unit of its value.")
            .needed_as(Code::KrNum)
            .examples(&["\"subscribers\"", "\"%\""]),
        key(
            "kind",
            Shape::Words(&["cumulative", "level", "window", "ratio"]),
            "What the number is: a flow since the start of the cycle, a stock, trailing days, or a share.",
        )
        .default("\"level\""),
        key(
            "baseline",
            Shape::Either(&[Shape::Number, Shape::Words(&["first"])]),
            "Where it starts; \"first\" is the first good measurement of the cycle, then frozen.",
        )
        .examples(&["640", "\"first\""]),
        key(
            "target",
            Shape::Either(&[Shape::Number, Shape::Relative]),
            "Where it should end: a number, or a change relative to the baseline.",
        )
        .examples(&["1000", "\"+30%\"", "\"-25%\"", "\"+150\"", "\"+5pp\""]),
        key("at_most", Shape::Number, "A level to hold: this or less. Excludes baseline and target.").examples(&["300"]),
        key("at_least", Shape::Number, "A level to hold: this or more. Excludes baseline and target.").examples(&["99.9"]),
        key("between", Shape::Pair, "A level to hold: from the first to the second. Excludes baseline and target.")
            .examples(&["[18, 22]"]),
        key(
            "score_by",
            Shape::Words(&["time", "latest", "worst"]),
            "For a level to hold: by the share of time in the band, by the newest value, or by the worst value of the cycle.",
        )
        .default("\"time\""),
        key("compliance", Shape::Number, "For a level to hold: the expected share of time in the band, above 0 up to 1.")
            .bounds(&[("exclusiveMinimum", 0), ("maximum", 1)])
            .default("0.9"),
        key(
            "anchors",
            Shape::List(&Shape::Pair),
            "Values that stand for shares of the way, from share 0 to share 1, where its steps are not equally hard. Instead of baseline and target.",
        )
        .examples(&["[[1000, 0], [1200, 0.3], [1300, 0.7], [1600, 1]]"]),
        key(
            "milestones",
            Shape::Tables(&MILESTONE),
            "Steps that are done or not; the file says which. Instead of baseline and target.",
        )
        .examples(&["[{ title = \"The archive is searchable\", due = 2026-11-15 }]"]),
        key(
            "boolean",
            Shape::Bool,
            "true: it is so or not so by the end of the cycle; its value is 1 or 0. Instead of baseline and target.",
        )
        .examples(&["true"]),
        key(
            "baseline_days",
            Shape::Number,
            "Only collect a baseline: on so many days a good value is measured. Instead of baseline and target.",
        )
        .bounds(&[("minimum", 1), ("maximum", 366), ("multipleOf", 1)])
        .examples(&["28"]),
        key(
            "plan",
            Shape::List(&Shape::Dated),
            "Which value is due with which day, straight lines between, up to the target; without it a straight line over the cycle.",
        )
        .examples(&["[[2026-11-01, 700], [2026-12-01, 850], [2027-01-01, 1000]]"]),
        key("strict", Shape::Bool, "Met only when past the target; bounds themselves lie outside.").default("false"),
        key(
            "role",
            Shape::Words(&["contributes", "guardrail"]),
            "contributes: counts with its weight; guardrail: weight 0, caps the objective's status.",
        )
        .default("\"contributes\""),
        key("weight", Shape::Number, "Weight in the objective; 0 for a guardrail.")
            .bounds(&[("minimum", 0)])
            .default("1"),
        key(
            "measure",
            Shape::Measure,
            "What is asked of which source; absent: recorded by people with `okrd record`.",
        )
        .examples(&["{ source = \"shop\", query = \"SELECT count(*) FROM subscribers\" }"]),
        SCHEDULE,
        JITTER,
        TIMEOUT,
        key(
            "stale_after",
            Shape::Duration,
            "How old its newest value may be; by default three times the longest gap of its schedule and at least 24h, 21d when recorded by people.",
        )
        .examples(&["\"3d\""]),
        key(
            "amendments",
            Shape::Tables(&AMENDMENT),
            "Changes to what was agreed, made after the start of the cycle.",
        )
        .examples(&["[{ date = 2026-11-02, field = \"target\", from = 1200, to = 1000, reason = \"A competitor gave up\", approved_by = \"content team lead\" }]"]),
        key(
            "rebases",
            Shape::Tables(&REBASE),
            "Changes of its measure whose both sides were measured: values from before are carried over instead of left out. All numbers of the key result, those of later amendments too, stay in the units of its first definition.",
        )
        .examples(&["[{ date = 2026-11-12, old = 57000, new = 61000, reason = \"Bots are no longer counted\", approved_by = \"content team lead\" }]"]),
        key(
            "was",
            Shape::Slug,
            "The id it had in its objective before it was renamed: what was measured under that id stays with it.",
        )
        .examples(&["\"readers\""]),
        ALLOW,
    ],
)
.choices(&[
    &["baseline", "target"],
    &["at_most"],
    &["at_least"],
    &["between"],
    &["anchors"],
    &["milestones"],
    &["boolean"],
    &["baseline_days"],
]);

static MILESTONE: TableKind = TableKind::new(
    "a milestone",
    "A step that is done or not.",
    &[
        key("title", Shape::Line, "What it is.")
            .needed()
            .examples(&["\"The archive is searchable\""]),
        key(
            "due",
            Shape::Date,
            "The day by whose end it is due; the last of the cycle when nothing is said.",
        )
        .examples(&["2026-11-15"]),
        key("weight", Shape::Number, "What it weighs beside the others.")
            .bounds(&[("exclusiveMinimum", 0)])
            .default("1"),
        key(
            "done",
            Shape::Date,
            "The day on which it was done; absent while it is not.",
        )
        .examples(&["2026-11-12"]),
    ],
);

pub(crate) static AMENDMENT: TableKind = TableKind::new(
    "an amendment",
    "A change to what was agreed: when, what, why and by whom.",
    &[
        key(
            "date",
            Shape::Date,
            "The day of the change, within the cycle.",
        )
        .needed()
        .examples(&["2026-11-02"]),
        key(
            "field",
            Shape::Words(&[
                "target",
                "baseline",
                "at_most",
                "at_least",
                "between",
                "strict",
                "weight",
                "role",
                "compliance",
                "anchors",
                "plan",
                "baseline_days",
                "milestones",
                "score_by",
            ]),
            "What was changed.",
        )
        .needed(),
        FROM,
        TO,
        REASON,
        APPROVED_BY,
    ],
);

static OBJECTIVE_AMENDMENT: TableKind = TableKind::new(
    "an amendment of an objective",
    "A change of the objective itself: when, what, why and by whom.",
    &[
        DATE,
        key("field", Shape::Words(&["ambition"]), "What was changed.").needed(),
        FROM,
        TO,
        REASON,
        APPROVED_BY,
    ],
);

pub(crate) static CYCLE_AMENDMENT: TableKind = TableKind::new(
    "an amendment of a cycle",
    "A change of the days of a cycle: when, what, why and by whom.",
    &[
        DATE,
        key(
            "field",
            Shape::Words(&["starts", "ends"]),
            "What was changed.",
        )
        .needed(),
        FROM,
        TO,
        REASON,
        APPROVED_BY,
    ],
);

pub(crate) static DROPPED: TableKind = TableKind::new(
    "what was dropped",
    "A key result or an objective of this file's cycle that was given up after its start: when, why and by whom.",
    &[
        key(
            "id",
            Shape::Line,
            "Which: an objective, or objective/key_result.",
        )
        .needed()
        .examples(&["\"more-visitors/orders\""]),
        DATE,
        REASON,
        APPROVED_BY,
    ],
);

const DATE: Key = key("date", Shape::Date, "The day of the change.")
    .needed()
    .examples(&["2026-11-02"]);
const FROM: Key = key("from", Shape::Json, "What it was.")
    .needed()
    .examples(&["1200"]);
const TO: Key = key("to", Shape::Json, "What it became.")
    .needed()
    .examples(&["1000"]);
const REASON: Key = key("reason", Shape::Prose, "Why.")
    .needed()
    .examples(&["\"Half of the budget went elsewhere\""]);
const APPROVED_BY: Key = key(
    "approved_by",
    Shape::Line,
    "Whose decision it was: a role rather than a person.",
)
.needed()
.examples(&["\"content team lead\""]);

static REBASE: TableKind = TableKind::new(
    "a rebase",
    "What the old and the new definition of a measure gave at one instant; `okrd rebase` writes it for you to paste.",
    &[
        key(
            "date",
            Shape::Date,
            "The day of the change, within the cycle.",
        )
        .needed()
        .examples(&["2026-11-12"]),
        key(
            "from",
            Shape::Line,
            "The old definition, at least 8 of its hexadecimal digits; the one that was measured before when nothing is said.",
        )
        .examples(&["\"3f9c2a71d05b8e64\""]),
        key(
            "at",
            Shape::Instant,
            "The instant at which both were measured.",
        )
        .examples(&["2026-11-12T06:00:00Z"]),
        key("old", Shape::Number, "What the old definition gave. Not 0.")
            .needed()
            .examples(&["57000"]),
        key(
            "new",
            Shape::Number,
            "What the new definition gave for the same instant. Not 0, and of the same sign.",
        )
        .needed()
        .examples(&["61000"]),
        key("reason", Shape::Prose, "Why it is measured otherwise.").needed().examples(&["\"Bots are no longer counted\""]),
        APPROVED_BY,
    ],
);

static INITIATIVE: TableKind = TableKind::new(
    "an initiative",
    "Work that a team tries. It has a state and a lesson and never counts into progress.",
    &[
        key("title", Shape::Line, "What it is.")
            .needed()
            .examples(&["\"A weekly letter worth opening\""]),
        key(
            "key_results",
            Shape::List(&Shape::Slug),
            "Key results of the same objective that it is meant to move.",
        )
        .examples(&["[\"subscribers\"]"]),
        key(
            "state",
            Shape::Words(&["idea", "doing", "done", "dropped"]),
            "How far it is; a dropped initiative is no failure.",
        )
        .default("\"idea\""),
        key(
            "learned",
            Shape::Prose,
            "What was learned; for done and dropped.",
        )
        .examples(&["\"Half of the readers open it on a telephone\""]),
        key(
            "jira",
            Shape::Line,
            "The key of its Jira issue; the page shows how many of the issues under it are done.",
        )
        .examples(&["\"CONT-12\""]),
        key(
            "links",
            Shape::List(&Shape::Line),
            "Where more is told about it: addresses that begin with https:// or http://, shown on the page.",
        )
        .examples(&["[\"https://wiki.acme.example/letter\"]"]),
        ALLOW,
    ],
);
