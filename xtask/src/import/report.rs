//! An import in lines for people: each model that is not as it was, and why.

use std::fmt;

use serde_json::Value;

use super::{Outcome, Plan};
use crate::yaml::same;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut added, mut changed, mut left_out) = (0, 0, 0);
        for (id, outcome) in &self.outcomes {
            match (&outcome.before, &outcome.after) {
                (_, Err(skip)) => {
                    left_out += 1;
                    writeln!(f, "left out  {id}: {}: {}", skip.rule, skip.what)?;
                }
                (None, Ok(_)) => {
                    added += 1;
                    writeln!(f, "added     {id}")?;
                }
                (Some(before), Ok(after)) if !same(before, after) => {
                    changed += 1;
                    writeln!(f, "changed   {id}")?;
                }
                _ => {}
            }
            details(id, outcome, f)?;
        }
        for id in &self.gone {
            writeln!(
                f,
                "gone      {id}: the vendor no longer lists it; if so, delete its file"
            )?;
        }
        let all = self.outcomes.len();
        let same = all - added - changed - left_out;
        writeln!(
            f,
            "{all} models: {added} added, {changed} changed, {same} unchanged, {left_out} left out"
        )
    }
}

fn details(id: &str, outcome: &Outcome, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if outcome.after.is_err() {
        return Ok(());
    }
    for mend in &outcome.mends {
        writeln!(
            f,
            "mended    {id}: {}: {}: {}",
            mend.rule, mend.place, mend.what
        )?;
    }
    for kept in &outcome.kept {
        let shown = |value: &Option<Value>| match value {
            Some(value) => value.to_string(),
            None => "nothing".to_owned(),
        };
        let (ours, theirs) = (shown(&kept.ours), shown(&kept.theirs));
        writeln!(
            f,
            "kept      {id}: {}: {ours}; the vendor says {theirs}",
            kept.place
        )?;
    }
    Ok(())
}
