-- Version 8. Why a source is left alone outlives a restart: the patience it asked for, a breaker that is open, a login that
-- was refused; and when somebody last said that it is to be asked again.

ALTER TABLE source_state RENAME TO source_state_1;

CREATE TABLE source_state (
  source       TEXT PRIMARY KEY,
  not_before   INTEGER,                     -- it asked to be left alone until then
  limited      INTEGER NOT NULL DEFAULT 0,  -- how often in a row it did
  open_until   INTEGER,                     -- its breaker is open until then, and half-open after; NULL: closed
  opened       INTEGER NOT NULL DEFAULT 0,  -- how often in a row it opened
  suspended_at INTEGER,                     -- it refused our login then; NULL: it did not
  refused      INTEGER,                     -- 16 bits of a digest of the secret it refused: they tell a change, not the secret
  resumed_at   INTEGER                      -- when somebody last resumed it
) STRICT, WITHOUT ROWID;

INSERT INTO source_state (source, not_before) SELECT source, not_before FROM source_state_1;
DROP TABLE source_state_1;
