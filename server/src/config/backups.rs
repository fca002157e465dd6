//! Where backups of guests go, and their key: to a directory or to a bucket, elsewhere than what they are made of.

use std::path::PathBuf;
use std::sync::Arc;

use super::{BackupPlace, Key, Reader, value};
use crate::vault::bucket::BucketPlace;
use crate::vault::shelf::Where;

impl Reader<'_> {
    pub(super) fn backups(&mut self, data: Option<&PathBuf>) -> Option<BackupPlace> {
        let directory = self.value(Key::BackupDirectory, value::path);
        let url = self.value(Key::BackupS3Url, value::bucket);
        let region = self.value(Key::BackupS3Region, value::region);
        let credentials = self.value(Key::BackupS3CredentialsFile, value::path);
        let key_file = self.value(Key::BackupKeyFile, value::path);
        // Said is enough: whoever said it wrongly is told so, and not a second thing that follows.
        let said = |reader: &Self, key| reader.layers.get(key).is_some();
        if said(self, Key::BackupDirectory) && said(self, Key::BackupS3Url) {
            return self
                .refuse(Key::BackupS3Url, "backup_directory is set too: backups go to one place, so set one of them");
        }
        if said(self, Key::BackupS3CredentialsFile) && !said(self, Key::BackupS3Url) {
            return self.refuse(Key::BackupS3CredentialsFile, "it needs backup_s3_url beside it");
        }
        let at = if said(self, Key::BackupDirectory) {
            Where::Directory(directory?)
        } else if said(self, Key::BackupS3Url) {
            if !said(self, Key::BackupS3CredentialsFile) {
                return self.refuse(Key::BackupS3Url, "it needs backup_s3_credentials_file beside it");
            }
            let (endpoint, bucket, prefix) = url?;
            let place = BucketPlace { endpoint, bucket, prefix, region: region?, credentials: credentials? };
            Where::Bucket(Arc::new(place))
        } else {
            let alone = said(self, Key::BackupKeyFile);
            let why = "it needs backup_directory or backup_s3_url beside it";
            return if alone { self.refuse(Key::BackupKeyFile, why) } else { None };
        };
        let data = data?;
        let key = key_file.unwrap_or_else(|| data.join("panel/backup.key"));
        if let Where::Directory(directory) = &at {
            if directory.starts_with(data) {
                return self.refuse(Key::BackupDirectory, "it lies in the data directory: what takes that takes both");
            }
            if key.starts_with(directory) {
                return self.refuse(Key::BackupKeyFile, "it lies among the backups: who has them has the key");
            }
        }
        Some(BackupPlace { at, key })
    }
}
