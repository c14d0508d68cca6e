//! The owners of prediction ids: jobs and their earlier attempts, also those of forgotten jobs.

use rusqlite::{Connection, OptionalExtension as _, Statement, params};
use wavespeed::{IdOwner, JobNumber, PredictionId};

/// The jobs at the base URL ?1 that have the id ?2, now or in an earlier attempt.
pub(crate) const OWNERS: &str = "SELECT number, forgotten FROM jobs WHERE base_url = ?1 AND id = ?2
    UNION ALL
    SELECT number, forgotten FROM attempts JOIN jobs ON number = job
    WHERE attempts.id = ?2 AND base_url = ?1";

/// The query for the owner of an id at one base URL, prepared once for any number of ids. A query for all
/// ids at once could exceed the limits of SQLite.
pub(crate) struct Owners<'a> {
    base_url: &'a str,
    first: Statement<'a>,
}

impl<'a> Owners<'a> {
    /// Prepares the query.
    pub(crate) fn at(base_url: &'a str, connection: &'a Connection) -> rusqlite::Result<Self> {
        let first = format!("SELECT * FROM ({OWNERS}) ORDER BY forgotten, number LIMIT 1");
        let first = connection.prepare(&first)?;
        Ok(Self { base_url, first })
    }

    /// Returns the owner of an id: the oldest job that has the id, or else a forgotten one.
    pub(crate) fn owner(&mut self, id: &PredictionId) -> rusqlite::Result<Option<IdOwner>> {
        let values = params![self.base_url, id.as_str()];
        let owner = self.first.query_row(values, |row| {
            let number: i64 = row.get("number")?;
            Ok(match row.get("forgotten")? {
                true => IdOwner::Forgotten,
                false => IdOwner::Job(JobNumber::new(number.unsigned_abs())),
            })
        });
        owner.optional()
    }

    /// Returns those of the given ids that have an owner.
    pub(crate) fn known(&mut self, ids: Vec<PredictionId>) -> rusqlite::Result<Vec<PredictionId>> {
        let mut known = Vec::new();
        for id in ids {
            if self.owner(&id)?.is_some() {
                known.push(id);
            }
        }
        Ok(known)
    }
}
