-- Version 10. What is known against a value, and what was seen and is not believed.

-- Words with commas between them, such as `sampled,late`; NULL when there are none. `approximate` stays a column of its own.
ALTER TABLE measurement ADD COLUMN flags TEXT;

-- Of attempts of the class `suspect`, `attempt.value` is the number that came. Here is the newest one of a series that is
-- believed once another slot shows it again: what stands at or before the newest measured slot is of no account.
ALTER TABLE last_miss ADD COLUMN doubted_slot INTEGER;
ALTER TABLE last_miss ADD COLUMN doubted_value REAL;
