//! The data folder: the table, the bucket, and the key by which tokens in it are sealed.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{options::RealWorld, simulators};

/// File of the data folder that holds the table.
pub const TABLE_FILE: &str = "table.db";
/// Folder of it that holds the bucket.
pub const BUCKET_FOLDER: &str = "bucket";
/// File of it that the process at work holds.
const LOCK_FILE: &str = "lock";
/// File of it that holds the key.
const KEY_FILE: &str = "encryption_key";

/// The data folder can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be used", path.display())]
pub struct DataError {
    path: PathBuf,
    source: io::Error,
}

/// Keeps the folder for this process: two that work off one table's stream would undo its order.
pub fn lock(folder: &Path) -> Result<File, DataError> {
    let path = folder.join(LOCK_FILE);
    let failed = |source| DataError { path: path.clone(), source };
    let file = File::create(&path).map_err(failed)?;
    file.try_lock().map_err(|error| failed(io::Error::from(error)))?;
    Ok(file)
}

/// The folder given, or a temporary one that goes when the guard is dropped.
pub fn folder(given: Option<&Path>) -> Result<(PathBuf, Option<TempDir>), DataError> {
    if let Some(path) = given {
        std::fs::create_dir_all(path).map_err(|source| DataError { path: path.to_owned(), source })?;
        return Ok((path.to_owned(), None));
    }
    let folder = tempfile::Builder::new().prefix("pigeonpost-").tempdir();
    let folder = folder.map_err(|source| DataError { path: std::env::temp_dir(), source })?;
    Ok((folder.path().to_owned(), Some(folder)))
}

/// The secret's fields: the simulators' or the owner's, and the key of this data folder.
pub fn secret(world: Option<&RealWorld>, folder: &Path) -> Result<Value, DataError> {
    let mut secret = match world {
        Some(world) => Value::Object(world.credentials.iter().map(|(k, v)| ((*k).to_owned(), v.clone().into())).collect()),
        None => simulators::credentials(),
    };
    secret["encryption_key"] = match world.and_then(|world| world.encryption_key.clone()) {
        Some(key) => key,
        None => kept_key(folder)?,
    }
    .into();
    Ok(secret)
}

/// The key of the data folder, made when it is first used: a restart must open what was sealed before.
fn kept_key(folder: &Path) -> Result<String, DataError> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let path = folder.join(KEY_FILE);
    let failed = |source| DataError { path: path.clone(), source };
    match std::fs::read_to_string(&path) {
        Ok(key) => return Ok(key.trim().to_owned()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        Err(_) => {}
    }
    let key = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
    file.write_all(key.as_bytes()).map_err(failed)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_is_made_once_for_its_owner_alone() {
        let (path, temporary) = folder(None).unwrap();
        let first = secret(None, &path).unwrap();
        assert_eq!(secret(None, &path).unwrap(), first);
        assert!(first["encryption_key"].as_str().is_some_and(|key| key.len() >= 32));
        let mode = std::fs::metadata(path.join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(temporary);
        assert!(!path.exists());
    }

    #[test]
    fn the_owners_secret_and_key_come_first() {
        let (path, _temporary) = folder(None).unwrap();
        let world = RealWorld {
            base_urls: Vec::new(),
            public_url: None,
            credentials: vec![("meta_app_secret", "s".to_owned())],
            encryption_key: Some("k".to_owned()),
        };
        let expected = serde_json::json!({"meta_app_secret": "s", "encryption_key": "k"});
        assert_eq!(secret(Some(&world), &path).unwrap(), expected);
        assert!(!path.join(KEY_FILE).exists());
        assert!(folder(Some(Path::new("/proc/nowhere"))).unwrap_err().to_string().contains("/proc/nowhere"));
    }
}
