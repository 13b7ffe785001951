-- Version 5. Slots that passed without a poll, as while the daemon was down.

-- Those before this instant are accounted for, though nobody asked: counted as missed, or owed. NULL when none passed.
ALTER TABLE series ADD COLUMN passed_until INTEGER;

-- Stretches whose slots are still to be asked for, until_at not included. A slot leaves in the transaction in which its
-- measurement or its failed attempt is written.
CREATE TABLE owed (
  series_id INTEGER NOT NULL,
  from_at   INTEGER NOT NULL,
  until_at  INTEGER NOT NULL CHECK (until_at > from_at),
  PRIMARY KEY (series_id, from_at)
) STRICT, WITHOUT ROWID;
