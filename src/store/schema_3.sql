-- Version 3. Values that were asked for after their time: 1 when the source was asked for a past instant, see
-- `okrd backfill`. Such a row always has a told_as_of, the instant it describes.
ALTER TABLE measurement ADD COLUMN backfilled INTEGER NOT NULL DEFAULT 0;
