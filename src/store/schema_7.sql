-- Version 7. Under what values were measured: which configuration was in force when, and what was asked under it.

-- From when on which configuration was in force, one row for each change. Of earlier versions only its first time is known.
CREATE TABLE in_force (
  from_at     INTEGER PRIMARY KEY,
  revision_id INTEGER NOT NULL REFERENCES config_revision
) STRICT;
INSERT OR IGNORE INTO in_force (from_at, revision_id) SELECT loaded_at, id FROM config_revision;

-- What a source was asked, a JSON document: the words of the configuration, never a secret.
CREATE TABLE question (
  id   INTEGER PRIMARY KEY,
  text TEXT NOT NULL
) STRICT;

-- Which of them gave the values of a series under a configuration; noted with its first attempt. Rows of earlier versions
-- have none, for nobody knows it.
CREATE TABLE asked (
  series_id   INTEGER NOT NULL REFERENCES series,
  revision_id INTEGER NOT NULL REFERENCES config_revision,
  question_id INTEGER NOT NULL REFERENCES question,
  PRIMARY KEY (series_id, revision_id)
) STRICT, WITHOUT ROWID;
