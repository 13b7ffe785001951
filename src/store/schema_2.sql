-- Version 2. The first measurement of the cycle that was entered for a series, which `baseline = "first"` means: frozen,
-- whatever is entered later for an earlier instant. NULL before there is one, and in a series from version 1 until its
-- next measurement, when the earliest one is noted.
ALTER TABLE series ADD COLUMN baseline_at INTEGER;
ALTER TABLE series ADD COLUMN baseline_value REAL;
