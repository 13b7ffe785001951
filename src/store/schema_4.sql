-- Version 4. What people say, with who said it and when; and how cycles ended, kept for good.

-- A check-in says how likely a key result is held to be met, or a few words, or both.
CREATE TABLE checkin (
  id         INTEGER PRIMARY KEY,
  kr_id      INTEGER NOT NULL REFERENCES kr,
  at         INTEGER NOT NULL,
  author     TEXT,
  confidence REAL CHECK (confidence BETWEEN 0 AND 1),
  note       TEXT,
  CHECK (confidence IS NOT NULL OR note IS NOT NULL)
) STRICT;
CREATE INDEX checkin_of ON checkin (kr_id, id);

-- A few words about a stretch of time, of one key result or (kr_id NULL) of everything. to_at is NULL for an instant.
CREATE TABLE annotation (
  id      INTEGER PRIMARY KEY,
  kr_id   INTEGER REFERENCES kr,
  from_at INTEGER NOT NULL,
  to_at   INTEGER,
  author  TEXT,
  text    TEXT    NOT NULL,
  told_at INTEGER NOT NULL
) STRICT;
CREATE INDEX annotation_of ON annotation (kr_id, from_at);

-- How a key result (uid `cycle:objective/key_result`) or an objective (`cycle:objective`) ended: one row each, all of a
-- cycle in one transaction. first_* is as first committed; without amendments the same. raw, baseline, target, value and
-- as_of are those of a key result, coverage that of an objective.
CREATE TABLE closing (
  uid           TEXT PRIMARY KEY,
  cycle         TEXT    NOT NULL,
  closed_at     INTEGER NOT NULL,
  score         REAL CHECK (score BETWEEN 0 AND 1),
  verdict       TEXT    NOT NULL,
  first_score   REAL CHECK (first_score BETWEEN 0 AND 1),
  first_verdict TEXT    NOT NULL,
  value         REAL,
  as_of         INTEGER,
  raw           REAL,
  baseline      REAL,
  target        REAL,
  coverage      REAL,
  reason        TEXT    NOT NULL,
  definition    TEXT,
  revision_id   INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX closing_of ON closing (cycle);

CREATE TRIGGER closing_stays BEFORE UPDATE ON closing
BEGIN SELECT RAISE(ABORT, 'a closed cycle is never changed'); END;
CREATE TRIGGER closing_remains BEFORE DELETE ON closing
BEGIN SELECT RAISE(ABORT, 'a closed cycle is never changed'); END;
-- INSERT OR REPLACE would pass by the two above.
CREATE TRIGGER closing_once BEFORE INSERT ON closing WHEN EXISTS (SELECT 1 FROM closing WHERE uid = NEW.uid)
BEGIN SELECT RAISE(ABORT, 'a closed cycle is never changed'); END;
