//! The shop's database: a SQLite file that grows while the demo runs. Knows nobody by name.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::world::World;

/// The shop, open for business.
pub struct Shop {
    connection: Connection,
    world: World,
    cycle_start: Timestamp,
}

const CLEARED: &str = "
DROP TABLE IF EXISTS subscribers;
DROP TABLE IF EXISTS orders;
";

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS subscribers (id INTEGER PRIMARY KEY, confirmed INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, ordered_at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS orders_by_time ON orders (ordered_at);
";

impl Shop {
    /// Makes the file and its tables, filled with the story so far. A new story begins with empty ones; else what was
    /// sold stays sold.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn open(
        path: &Path,
        world: World,
        cycle_start: Timestamp,
        is_new: bool,
    ) -> Result<Self, rusqlite::Error> {
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        if is_new {
            connection.execute_batch(CLEARED)?;
        }
        connection.execute_batch(SCHEMA)?;
        let mut shop = Self {
            connection,
            world,
            cycle_start,
        };
        shop.trade(world.began)?;
        Ok(shop)
    }

    /// Does the business that was done until now.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn trade(&mut self, now: Timestamp) -> Result<(), rusqlite::Error> {
        let (subscribers, orders) = (self.world.subscribers(now), self.world.orders(now));
        let (began, start) = (self.world.began, self.cycle_start);
        let day = self.connection.transaction()?;
        let known: u32 = day.query_row(
            "SELECT count(*) FROM subscribers WHERE confirmed",
            [],
            |r| r.get(0),
        )?;
        for n in known..subscribers {
            // Every fourth who subscribes never confirms.
            let unconfirmed = u32::from(n % 4 == 0);
            for confirmed in std::iter::once(1).chain((0..unconfirmed).map(|_| 0)) {
                day.execute(
                    "INSERT INTO subscribers (confirmed) VALUES (?1)",
                    [confirmed],
                )?;
            }
        }
        let known: u32 = day.query_row("SELECT count(*) FROM orders", [], |r| r.get(0))?;
        for n in known..orders {
            let at = if now > began {
                now
            } else {
                spread(start, began, n, orders)
            };
            let at = at.strftime("%Y-%m-%d %H:%M:%S").to_string();
            day.execute("INSERT INTO orders (ordered_at) VALUES (?1)", params![at])?;
        }
        day.commit()
    }
}

/// The instant of the n-th of so many orders between two instants.
fn spread(from: Timestamp, to: Timestamp, n: u32, of: u32) -> Timestamp {
    let share = f64::from(n) / f64::from(of.max(1));
    let gone = to.duration_since(from).as_secs_f64() * share;
    let gone = jiff::SignedDuration::try_from_secs_f64(gone).unwrap_or_default();
    from.checked_add(gone).unwrap_or(to)
}
