-- Version 11. What people are told: messages that wait to be sent, and what each channel was told last. A message and what
-- it says that was told are written in one transaction, so that a change is neither told twice nor forgotten.

-- dedupe_key says what a message tells, so that it is written once. A message stands open (ended_at NULL) until its receiver
-- acknowledged it; what it says is a JSON document without secrets.
CREATE TABLE outbox (
  id         INTEGER PRIMARY KEY,
  channel    TEXT    NOT NULL,             -- the name under [notify]
  dedupe_key TEXT    NOT NULL,
  place      TEXT    NOT NULL,             -- where in the channel, such as #team-content; empty when there is but one
  thread     TEXT,                         -- what it is part of: cycle:objective
  body       TEXT    NOT NULL,
  made_at    INTEGER NOT NULL,
  due_at     INTEGER NOT NULL,
  tries      INTEGER NOT NULL DEFAULT 0,
  error      TEXT,                         -- the class of the newest failure
  ended_at   INTEGER,
  outcome    TEXT CHECK ((outcome IS NULL) = (ended_at IS NULL) AND outcome IN ('sent', 'refused', 'expired')),
  UNIQUE (channel, dedupe_key)
) STRICT;
CREATE INDEX outbox_open ON outbox (channel, id) WHERE ended_at IS NULL;
CREATE INDEX outbox_ended ON outbox (ended_at) WHERE ended_at IS NOT NULL;

-- uid is `cycle:objective/key_result` or `cycle:objective`; status is the one told last, or taken note of.
CREATE TABLE told (
  channel TEXT    NOT NULL,
  uid     TEXT    NOT NULL,
  status  TEXT    NOT NULL,
  since   INTEGER NOT NULL,
  PRIMARY KEY (channel, uid)
) STRICT, WITHOUT ROWID;

-- What a receiver calls the thread of an objective.
CREATE TABLE thread (
  channel TEXT NOT NULL,
  place   TEXT NOT NULL,
  uid     TEXT NOT NULL,
  name    TEXT NOT NULL,
  PRIMARY KEY (channel, place, uid)
) STRICT, WITHOUT ROWID;

-- Until which instant digests are accounted for (place empty), and whether a place takes nothing until somebody acts.
CREATE TABLE channel_state (
  channel      TEXT NOT NULL,
  place        TEXT NOT NULL,
  digest_until INTEGER,
  suspended_at INTEGER,
  refused      INTEGER,                    -- 16 bits of a digest of the secret that was refused
  why          TEXT,
  resumed_at   INTEGER,
  PRIMARY KEY (channel, place)
) STRICT, WITHOUT ROWID;
