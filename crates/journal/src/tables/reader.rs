//! The reader of the values of one row, whose errors name the job and the column.

use rusqlite::Row;
use rusqlite::types::FromSql;

use crate::error::JournalError;

/// A reader of a row that belongs to a job.
pub(super) struct RowReader<'a> {
    row: &'a Row<'a>,
    table: &'static str,
    job: i64,
}

impl<'a> RowReader<'a> {
    /// Creates a reader of a row of a table. The column `number_column` has the number of the job.
    pub(super) fn new(
        row: &'a Row<'a>,
        table: &'static str,
        number_column: &str,
    ) -> Result<Self, JournalError> {
        let job = row.get(number_column)?;
        Ok(Self { row, table, job })
    }

    /// Returns the number of the job.
    pub(super) fn job(&self) -> u64 {
        self.job.unsigned_abs()
    }

    /// Reads a column.
    pub(super) fn get<T: FromSql>(&self, column: &'static str) -> Result<T, JournalError> {
        let value = self.row.get(column);
        value.map_err(|error| self.unreadable(column, &error))
    }

    /// Reads a column and converts its value.
    pub(super) fn parse<V: FromSql, T, E: ToString>(
        &self,
        column: &'static str,
        convert: impl FnOnce(V) -> Result<T, E>,
    ) -> Result<T, JournalError> {
        convert(self.get(column)?).map_err(|why| self.unreadable(column, &why))
    }

    /// Reads a column that may be NULL, and converts its value.
    pub(super) fn parse_option<V: FromSql, T, E: ToString>(
        &self,
        column: &'static str,
        convert: impl FnOnce(V) -> Result<T, E>,
    ) -> Result<Option<T>, JournalError> {
        self.parse(column, |value: Option<V>| value.map(convert).transpose())
    }

    fn unreadable(&self, column: &'static str, why: &dyn ToString) -> JournalError {
        JournalError::Row {
            number: self.job,
            table: self.table,
            column,
            why: why.to_string(),
        }
    }
}
