//! The schema, built into the program. Files are only ever added; each exists for both engines.

use sqlx::SqlSafeStr;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};

use super::db::{Address, Db};
use super::error::OpenError;

/// Version, name, SQLite's text, PostgreSQL's text.
type Step = (i64, &'static str, &'static str, &'static str);

macro_rules! step {
    ($version:literal, $file:literal) => {
        (
            $version,
            $file,
            include_str!(concat!("../../../migrations/sqlite/", $file, ".sql")),
            include_str!(concat!("../../../migrations/postgres/", $file, ".sql")),
        )
    };
}

const STEPS: &[Step] = &[
    step!(1, "0001_first"),
    step!(2, "0002_walls"),
    step!(3, "0003_audit"),
    step!(4, "0004_tokens"),
    step!(5, "0005_rights"),
    step!(6, "0006_quotas"),
    step!(7, "0007_quota_requests"),
    step!(8, "0008_shares"),
    step!(9, "0009_guest_pages"),
    step!(10, "0010_idempotency"),
    step!(11, "0011_groups"),
    step!(12, "0012_second_factors"),
    step!(13, "0013_usage"),
    step!(14, "0014_account_states"),
    step!(15, "0015_invitations"),
    step!(16, "0016_webhooks"),
    step!(17, "0017_oidc"),
    step!(18, "0018_group_owners"),
    step!(19, "0019_pages"),
    step!(20, "0020_traffic"),
    step!(21, "0021_host_disk"),
    step!(22, "0022_bandwidth"),
    step!(23, "0023_images"),
    step!(24, "0024_snapshots"),
    step!(25, "0025_account_keys"),
    step!(26, "0026_snapshot_plans"),
    step!(27, "0027_volumes"),
    step!(28, "0028_guest_backups"),
    step!(29, "0029_snapshot_images"),
    step!(30, "0030_image_visibility"),
    step!(31, "0031_backup_plans"),
];

/// The newest version that this program knows.
pub(crate) fn newest() -> i64 {
    STEPS.last().map_or(0, |step| step.0)
}

/// Brings the database to [`newest`].
pub(super) async fn run(db: &Db, address: &Address) -> Result<(), OpenError> {
    run_to(db, address, newest()).await
}

/// Brings the database to a version and no further.
pub(super) async fn run_to(db: &Db, address: &Address, version: i64) -> Result<(), OpenError> {
    let text = |step: &Step| match db {
        Db::Sqlite { .. } => step.2,
        Db::Postgres(_) => step.3,
    };
    let migrations = STEPS
        .iter()
        .filter(|step| step.0 <= version)
        .map(|step| Migration::new(step.0, step.1.into(), MigrationType::Simple, text(step).into_sql_str(), false));
    let migrator = Migrator::with_migrations(migrations.collect());
    let done = match db {
        Db::Sqlite { write, .. } => migrator.run(write).await,
        Db::Postgres(pool) => migrator.run(pool).await,
    };
    done.map_err(|source| match source {
        MigrateError::VersionMissing(found) if found > version => {
            OpenError::Newer { address: address.to_string(), database: found, program: version }
        }
        source => OpenError::Migrate { address: address.to_string(), source },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// Files whose texts differ, each with the reason. None yet.
    const DIFFERENT: &[&str] = &[];

    fn files(engine: &str) -> BTreeSet<String> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations").join(engine);
        std::fs::read_dir(directory)
            .expect("the directory of the engine's migrations")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"))
            .collect()
    }

    #[test]
    fn both_engines_have_the_same_files_and_all_are_built_in() {
        let listed: BTreeSet<String> = STEPS.iter().map(|step| format!("{}.sql", step.1)).collect();
        assert_eq!(files("sqlite"), listed);
        assert_eq!(files("postgres"), listed);
    }

    #[test]
    fn numbers_grow_and_stand_in_the_names() {
        for (i, step) in STEPS.iter().enumerate() {
            assert_eq!(step.0, i64::try_from(i).expect("few") + 1);
            assert!(step.1.starts_with(&format!("{:04}_", step.0)), "{}", step.1);
        }
    }

    #[test]
    fn texts_are_the_same_but_for_documented_exceptions() {
        for step in STEPS {
            assert_eq!(step.2 == step.3, !DIFFERENT.contains(&step.1), "{}", step.1);
        }
    }
}
