//! Brings a database to the newest schema: numbered steps, each in one transaction together with its number. A
//! shipped step is never edited. Knows no rows.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::error::StoreError;
use super::files::beside;

/// Step `i` leads from version `i` to version `i + 1`.
pub(super) const STEPS: &[&str] = &[
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
    include_str!("schema_6.sql"),
    include_str!("schema_7.sql"),
    include_str!("schema_8.sql"),
    include_str!("schema_9.sql"),
    include_str!("schema_10.sql"),
    include_str!("schema_11.sql"),
];

/// The schema version found in the database.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Applies the steps that are missing. Before it touches a store that has data it leaves a copy beside it, named
/// `.before-N` after the version it goes to.
///
/// # Errors
/// [`StoreError::Newer`] when the database is ahead of `steps`; else what SQLite says. A step that fails leaves the
/// version before it.
pub(super) fn migrate(
    connection: &mut Connection,
    file: &Path,
    steps: &[&str],
) -> Result<(), StoreError> {
    let failed = |e: rusqlite::Error| StoreError::of_sqlite(file, &e);
    let found = version(connection).map_err(failed)?;
    let expected = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    if found > expected {
        return Err(StoreError::Newer {
            file: file.to_owned(),
            found,
            expected,
        });
    }
    if found > 0 && found < expected {
        keep_copy(connection, file, expected)?;
    }
    for (number, step) in (1..).zip(steps).filter(|(number, _)| *number > found) {
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed)?;
        transaction.execute_batch(step).map_err(failed)?;
        transaction
            .pragma_update(None, "user_version", number)
            .map_err(failed)?;
        transaction.commit().map_err(failed)?;
    }
    Ok(())
}

/// A copy of a migration that was cut short is complete or was never renamed, so an existing one is kept.
fn keep_copy(connection: &Connection, file: &Path, version: i64) -> Result<(), StoreError> {
    let copy = beside(file, &format!(".before-{version}"));
    if copy.exists() {
        return Ok(());
    }
    let unfinished = beside(&copy, ".unfinished");
    drop(std::fs::remove_file(&unfinished));
    connection
        .execute("VACUUM INTO ?1", [unfinished.to_string_lossy()])
        .map_err(|e| StoreError::of_sqlite(file, &e))?;
    std::fs::File::open(&unfinished)
        .and_then(|copy| copy.sync_all())
        .and_then(|()| std::fs::rename(&unfinished, &copy))
        .map_err(|e| StoreError::of_system(file, "the copy before the migration", &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "CREATE TABLE kept (v); INSERT INTO kept VALUES (1), (2)";

    fn sum(connection: &Connection) -> i64 {
        connection
            .query_row("SELECT sum(v) FROM kept", [], |r| r.get(0))
            .unwrap()
    }

    #[test]
    fn f49_a_step_is_whole_or_not_at_all_and_leaves_a_copy() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("okrd.db");
        let mut connection = Connection::open(&file).unwrap();
        migrate(&mut connection, &file, &[FIRST]).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

        let good = "UPDATE kept SET v = v * 10";
        let bad = "UPDATE kept SET v = v * 10; UPDATE no_such_table SET v = 1";
        let error = migrate(&mut connection, &file, &[FIRST, good, bad]).unwrap_err();
        assert!(error.to_string().contains("no_such_table"), "{error}");
        assert_eq!((version(&connection).unwrap(), sum(&connection)), (2, 30));
        let copy = Connection::open(beside(&file, ".before-3")).unwrap();
        assert_eq!((version(&copy).unwrap(), sum(&copy)), (1, 3));

        migrate(&mut connection, &file, &[FIRST, good, good]).unwrap();
        assert_eq!((version(&connection).unwrap(), sum(&connection)), (3, 300));
        assert_eq!(sum(&copy), 3, "the copy is the state before the first try");
        migrate(&mut connection, &file, &[FIRST, good, good]).unwrap();
        assert_eq!(sum(&connection), 300, "nothing is done twice");

        let error = migrate(&mut connection, &file, &[FIRST]).unwrap_err();
        assert!(matches!(
            error,
            StoreError::Newer {
                found: 3,
                expected: 1,
                ..
            }
        ));
    }
}
