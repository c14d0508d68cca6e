//! Times as RFC 3339 strings, for serde.

use std::time::SystemTime;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serializer, de, ser};

pub(super) fn serialize<S: Serializer>(at: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let at = Timestamp::try_from(*at).map_err(ser::Error::custom)?;
    serializer.collect_str(&at)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<SystemTime, D::Error> {
    let at = String::deserialize(deserializer)?;
    let at: Timestamp = at.parse().map_err(de::Error::custom)?;
    Ok(at.into())
}

/// Times that may be missing.
pub(super) mod option {
    use super::{Deserialize, Deserializer, Serializer, SystemTime};

    #[derive(Deserialize)]
    struct Time(#[serde(with = "super")] SystemTime);

    pub(in crate::store) fn serialize<S: Serializer>(
        at: &Option<SystemTime>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => super::serialize(at, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(in crate::store) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<SystemTime>, D::Error> {
        let at: Option<Time> = Option::deserialize(deserializer)?;
        Ok(at.map(|Time(at)| at))
    }
}
