//! The vendor's own list of models, cached for an hour. The list has 2 MB, and some commands that need it
//! take only milliseconds otherwise. A cached file that is old, damaged or of another host is fetched
//! again.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use wavespeed::{LiveModels, Wavespeed};

use crate::output::failure::Failure;

/// The time for which a list is cached. It may be long, because a list without the wanted model is fetched
/// again.
const MAX_AGE: Duration = Duration::from_secs(60 * 60);

/// Returns the list, from the cache if it is recent enough and has the `wanted` model. The list of an
/// emulator is not cached.
pub(crate) async fn models(
    client: &Wavespeed,
    cached: bool,
    wanted: Option<&str>,
) -> Result<LiveModels, Failure> {
    let file = folder().filter(|_| cached).map(|folder| {
        let host = &client.account().base_url;
        let host = host
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
        folder.join(format!("models-{}.json", host.collect::<String>()))
    });
    let has_it = |models: &LiveModels| wanted.is_none_or(|id| models.entry(id).is_some());
    if let Some(models) = file.as_deref().and_then(read).filter(has_it) {
        return Ok(models);
    }
    let models = client.live_models().await;
    let models = models.map_err(|error| Failure::asked("the vendor's list of models", &error))?;
    if let Some(file) = &file {
        // Without the cache, the next command only takes longer.
        _ = write(file, models.as_json());
    }
    Ok(models)
}

/// Reads the list from the cache, if it is recent enough.
fn read(file: &Path) -> Option<LiveModels> {
    let written = std::fs::metadata(file).ok()?.modified().ok()?;
    // A file of the future has no age, as after a change of the clock, and is fetched again.
    let age = SystemTime::now().duration_since(written).ok()?;
    let text = std::fs::read(file).ok().filter(|_| age < MAX_AGE)?;
    LiveModels::from_json(serde_json::from_slice(&text).ok()?)
}

/// Writes the list beside the file and renames it, so that no other process reads a part of it.
fn write(file: &Path, entries: &[Value]) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let part = file.with_extension(format!("{}.part", std::process::id()));
    let written = std::fs::write(&part, serde_json::to_vec(entries)?);
    let moved = written.and_then(|()| std::fs::rename(&part, file));
    moved.inspect_err(|_| _ = std::fs::remove_file(&part))
}

/// Returns the cache folder of the user.
fn folder() -> Option<PathBuf> {
    let named = |name: &str| {
        let path = std::env::var_os(name).filter(|path| !path.is_empty());
        path.map(PathBuf::from).filter(|path| path.is_absolute())
    };
    let home = || std::env::home_dir().filter(|home| home.is_absolute());
    let folder = match () {
        () if cfg!(windows) => named("LOCALAPPDATA"),
        () if cfg!(target_os = "macos") => home().map(|home| home.join("Library/Caches")),
        () => named("XDG_CACHE_HOME").or_else(|| home().map(|home| home.join(".cache"))),
    };
    folder.map(|folder| folder.join("wave"))
}
