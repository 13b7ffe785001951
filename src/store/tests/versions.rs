//! Stores of every version that was ever released, as their own schemas made them: each opens, keeps all it has, and is left
//! beside itself as it was.

use super::super::Reader;
use super::super::migrate::STEPS;
use super::*;

/// A store as version `n` left it: three days of four values (ten times the day, and 0, 3, 1, 2), one told value, one fault.
fn released(n: usize) -> PathBuf {
    let name = format!("tests/stores/version_{n}.sqlite");
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[tokio::test]
async fn f49_a_store_of_every_released_version_opens_with_all_it_has() {
    let goals = goals("UTC", &[("users", reach()), ("told", reach())]);
    for n in 1..=7 {
        let place = Place::new();
        std::fs::copy(released(n), place.path()).unwrap();
        let error = Reader::open(&place.path()).unwrap_err();
        assert!(
            matches!(error, super::super::StoreError::Older { .. }),
            "{n}: {error}"
        );
        let store = place.open();
        let copy = place.beside(&format!(".before-{}", STEPS.len()));
        let found: i64 = rusqlite::Connection::open(copy)
            .unwrap()
            .pragma_query_value(None, "user_version", |r| r.get(0))
            .unwrap();
        assert_eq!(found, i64::try_from(n).unwrap(), "the copy is as it was");

        let loaded = store.load(&goals).unwrap();
        let users = loaded.history.get(&kr("users")).unwrap();
        let points: Vec<f64> = users.series.points().iter().map(|p| p.value).collect();
        assert_eq!(points, [0.0, 2.0, 12.0, 22.0], "{n}");
        assert_eq!(
            users.baseline(&cycle("UTC")).map(|p| p.value),
            Some(0.0),
            "{n}"
        );
        assert!(users.last_attempt.as_ref().unwrap().fault.is_some(), "{n}");
        assert_eq!(loaded.sources.len(), 1, "{n}");
        assert_eq!(loaded.owed.len(), usize::from(n >= 5), "{n}");
        let reader = Reader::open(&place.path()).unwrap();
        assert_eq!(
            reader.series(&kr("users"), None, None).unwrap().len(),
            12,
            "{n}"
        );
        assert_eq!(
            reader.attempts(&kr("users"), None, None).unwrap().len(),
            1,
            "{n}"
        );
        let told = reader.series(&kr("told"), None, None).unwrap();
        assert!(
            matches!(&told[0].origin, Origin::Recorded { author: Some(author), .. } if author == "ann"),
            "{n}: {told:?}"
        );
        assert_eq!(
            reader.check_ins(&kr("users")).unwrap().len(),
            usize::from(n >= 4),
            "{n}"
        );
        assert_eq!(
            reader.forecasts(&kr("users")).unwrap().len(),
            usize::from(n >= 6),
            "{n}"
        );
        assert_eq!(reader.integrity().unwrap(), [] as [String; 0], "{n}");

        // What days are kept by for ever was made from the values that there were.
        let mut days = Vec::new();
        let raw = place.raw();
        let mut all = raw
            .prepare("SELECT n, low_value, high_value, sum FROM measurement_day WHERE series_id = 1 ORDER BY day")
            .unwrap();
        let mut rows = all.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let day: (i64, f64, f64, f64) = (
                row.get(0).unwrap(),
                row.get(1).unwrap(),
                row.get(2).unwrap(),
                row.get(3).unwrap(),
            );
            days.push(day);
        }
        assert_eq!(
            days,
            [
                (4, 0.0, 3.0, 6.0),
                (4, 10.0, 13.0, 46.0),
                (4, 20.0, 23.0, 86.0)
            ],
            "{n}"
        );

        store
            .append(vec![polled("users", "2026-10-05T06:00:00Z", 5.0)])
            .await
            .unwrap();
        store.close().await.unwrap();
        drop(place.open());
    }
}
