//! Floor 2: the store. Keeps every attempt, measurement and configuration revision in SQLite; acknowledged means on
//! disk. Knows no source, no schedule and no face.
