-- Version 1. Times are UTC milliseconds. A shipped version is never edited; the next one is a file of its own.

-- store_uuid, created_at, app_version, day_zone (whose midnights measurement_day counts in), revision (in force).
CREATE TABLE meta (
  k TEXT PRIMARY KEY,
  v TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Configurations that were in force. Their text stays in git; nothing of it is copied here.
CREATE TABLE config_revision (
  id          INTEGER PRIMARY KEY,
  sha256      TEXT    NOT NULL UNIQUE,
  loaded_at   INTEGER NOT NULL,
  app_version TEXT    NOT NULL
) STRICT;

-- uid is `cycle:objective/key_result`; status is the one last told, so that "since" survives a restart.
CREATE TABLE kr (
  id           INTEGER PRIMARY KEY,
  uid          TEXT NOT NULL UNIQUE,
  status       TEXT,
  status_since INTEGER
) STRICT;

-- A key result under one definition: values of two definitions are not comparable.
CREATE TABLE series (
  id          INTEGER PRIMARY KEY,
  kr_id       INTEGER NOT NULL REFERENCES kr,
  definition  TEXT    NOT NULL,
  revision_id INTEGER REFERENCES config_revision,
  first_day   INTEGER,
  UNIQUE (kr_id, definition)
) STRICT;

-- Every attempt that gave a number, and the number: one row, so that the two cannot disagree. Clustered by time,
-- because all key results of a slot arrive together: a round touches a few pages at the end of the tree, where
-- clustering by key result would touch (and write, and sync) one page for each of them.
CREATE TABLE measurement (
  slot_at      INTEGER NOT NULL,
  series_id    INTEGER NOT NULL,
  recorded     INTEGER NOT NULL,           -- 1: told by a person
  started_at   INTEGER NOT NULL,
  ms           INTEGER NOT NULL,
  tries        INTEGER NOT NULL,
  value        REAL    NOT NULL CHECK (abs(value) <= 1.7976931348623157e308),
  told_as_of   INTEGER,                    -- when the source told which instant its data describe
  value_text   TEXT,                       -- the exact digits where value rounds
  approximate  INTEGER NOT NULL,
  revision_id  INTEGER,
  note         TEXT,
  author       TEXT,
  as_of        INTEGER NOT NULL AS (coalesce(told_as_of, iif(recorded, slot_at, started_at))),
  PRIMARY KEY (slot_at, series_id, recorded)
) STRICT, WITHOUT ROWID;

-- Attempts that made no measurement: faults (class), a slot that had one already, a recorded value that was
-- corrected (both: value). n tells those of one slot apart.
CREATE TABLE attempt (
  slot_at     INTEGER NOT NULL,
  series_id   INTEGER NOT NULL,
  n           INTEGER NOT NULL,
  started_at  INTEGER NOT NULL,
  ms          INTEGER NOT NULL,
  tries       INTEGER NOT NULL,
  class       TEXT,
  message     TEXT,
  help        TEXT,
  value       REAL,
  revision_id INTEGER,
  PRIMARY KEY (slot_at, series_id, n)
) STRICT, WITHOUT ROWID;

-- The newest of these for each series.
CREATE TABLE last_miss (
  series_id  INTEGER PRIMARY KEY,
  slot_at    INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  class      TEXT,
  message    TEXT,
  help       TEXT
) STRICT;

-- First and last value of each local day, kept with every measurement in the same transaction and made anew from
-- them when the zone changes. day counts from 1970-01-01.
CREATE TABLE measurement_day (
  day         INTEGER NOT NULL,
  series_id   INTEGER NOT NULL,
  first_at    INTEGER NOT NULL,
  first_value REAL    NOT NULL,
  last_at     INTEGER NOT NULL,
  last_value  REAL    NOT NULL,
  low_slot    INTEGER NOT NULL,            -- the lowest slot among them: from where on to look for each of them
  polled_slot INTEGER,                     -- newest slot and start of a poll; NULL when people told all
  polled_at   INTEGER,
  PRIMARY KEY (day, series_id)
) STRICT, WITHOUT ROWID;

-- Retry-After and its kin survive a restart.
CREATE TABLE source_state (
  source     TEXT PRIMARY KEY,
  not_before INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
