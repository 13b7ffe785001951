-- Version 6. Forecasts as they stood, what came of them, and the counts behind a ratio.

-- The last forecast of each local day of the cycle's zone; day counts from 1970-01-01. One series is one definition, so
-- that forecasts of two definitions never mix. Clustered by day, because all of a day come together.
CREATE TABLE forecast (
  day       INTEGER NOT NULL,
  series_id INTEGER NOT NULL REFERENCES series,
  made_at   INTEGER NOT NULL,
  value     REAL    NOT NULL,
  progress  REAL    NOT NULL,
  low       REAL,
  high      REAL,
  method    TEXT    NOT NULL,
  weak      INTEGER NOT NULL,
  PRIMARY KEY (day, series_id)
) STRICT, WITHOUT ROWID;

-- The forecast that stood at half-time of a closed cycle, and how far it was off; NULL when none stood, and in rows
-- from an earlier version.
ALTER TABLE closing ADD COLUMN forecast_value REAL;
ALTER TABLE closing ADD COLUMN forecast_at INTEGER;
ALTER TABLE closing ADD COLUMN forecast_method TEXT;
ALTER TABLE closing ADD COLUMN forecast_error REAL;

-- Of a ratio k of n, where the source told both; NULL in rows from an earlier version.
ALTER TABLE measurement ADD COLUMN k REAL;
ALTER TABLE measurement ADD COLUMN n REAL;
