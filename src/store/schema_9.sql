-- Version 9. What stays of values for ever, and what befell the store.

-- Of each day how many values there were, their range, their sum and the highest of their slots. sealed: 0 while every
-- value is kept, 1 while they are being deleted, 2 once they are; then this row is all there is of the day.
ALTER TABLE measurement_day ADD COLUMN n INTEGER NOT NULL DEFAULT 0;
ALTER TABLE measurement_day ADD COLUMN low_value REAL;
ALTER TABLE measurement_day ADD COLUMN high_value REAL;
ALTER TABLE measurement_day ADD COLUMN sum REAL;
ALTER TABLE measurement_day ADD COLUMN high_slot INTEGER;
ALTER TABLE measurement_day ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX measurement_day_sealed ON measurement_day (series_id, day) WHERE sealed > 0;

-- The days of a series do not overlap, and a local day is at most one off the one of UTC.
UPDATE measurement_day AS d
SET n = a.n, low_value = a.low, high_value = a.high, sum = a.sum, high_slot = a.slot
FROM (SELECT d.day, d.series_id, count(*) AS n, min(m.value) AS low, max(m.value) AS high, total(m.value) AS sum,
             max(m.slot_at) AS slot
      FROM measurement AS m CROSS JOIN measurement_day AS d
        ON d.day IN (m.as_of / 86400000 - 1, m.as_of / 86400000, m.as_of / 86400000 + 1)
       AND d.series_id = m.series_id AND m.as_of BETWEEN d.first_at AND d.last_at
      GROUP BY d.day, d.series_id) AS a
WHERE d.day = a.day AND d.series_id = a.series_id;

-- That a store was put aside or a backup was put in its place, until somebody says that they know.
CREATE TABLE incident (
  id              INTEGER PRIMARY KEY,
  at              INTEGER NOT NULL,
  what            TEXT    NOT NULL,
  file            TEXT    NOT NULL,
  acknowledged_at INTEGER,
  acknowledged_by TEXT,
  UNIQUE (at, what, file)
) STRICT;
