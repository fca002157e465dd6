//! What guests' disks are made of.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use umbel_client::{Client, Image, ImageDraft};
use umbel_guest::{ImageId, Logins, OperationId, Visibility};
use umbel_recipe::SHIPPED;

use crate::error::Failure;
use crate::groups;
use crate::guests::find;
use crate::operations::watch;
use crate::options::{ImageBuild, ImageCommand, ImageImport, ImagePublish, ImageWords, Wait};
use crate::output::{Column, Output};
use crate::recipe;
use crate::snapshots::sought;

const COLUMNS: [Column<Image>; 6] = [
    ("IMAGE", |image| image.id.to_string()),
    ("TITLE", |image| image.title.clone()),
    ("ORIGIN", |image| image.origin.clone()),
    ("STATE", |image| match (image.deprecated, &image.newer) {
        (true, _) => "deprecated".into(),
        (false, Some(newer)) => format!("{newer} is newer"),
        (false, None) => "-".into(),
    }),
    ("MIB", |image| (image.taken_bytes >> 20).to_string()),
    ("GUESTS", |image| image.used_by.map_or_else(|| "-".into(), |used| used.to_string())),
];

/// A recipe can be made where there is no panel.
pub(crate) async fn run(
    panel: impl Fn() -> Result<Client, Failure>,
    command: ImageCommand,
    output: &Output,
) -> Result<(), Failure> {
    match command {
        ImageCommand::List => output.many(&panel()?.image_list().await?, &COLUMNS),
        ImageCommand::Show { image } => output.one(&panel()?.image_fetch(&named(image)?).await?),
        ImageCommand::Import(import) => bring_any(&panel()?, import, output).await,
        ImageCommand::Publish(publish) => of_guest(&panel()?, publish, output).await,
        ImageCommand::Build(build) if build.here || build.keep.is_some() => make(panel, build, output).await,
        ImageCommand::Build(build) => have_built(&panel()?, build, output).await,
        ImageCommand::Recipes { name } => recipes(name),
        ImageCommand::Remove { image } => Ok(panel()?.image_remove(&named(image)?).await?),
        ImageCommand::Deprecate { image } => Ok(panel()?.image_set_deprecated(&named(image)?, true).await?),
        ImageCommand::Offer { image } => Ok(panel()?.image_set_deprecated(&named(image)?, false).await?),
        ImageCommand::Visibility { image, who } => {
            let panel = panel()?;
            let visibility = visibility(&panel, &who).await?;
            Ok(panel.image_set_visibility(&named(image)?, visibility).await?)
        }
        ImageCommand::Note { image, note } => Ok(panel()?.image_set_note(&named(image)?, &note).await?),
    }
}

/// A directory to make an archive in, which goes with the value.
fn place(of: &Path) -> Result<TempDir, Failure> {
    let made = tempfile::Builder::new().prefix("umbelctl-").tempdir();
    made.map_err(|source| Failure::File { what: "making a place for", path: of.to_owned(), source })
}

/// A directory is sent as an archive of all that is in it, with owners as they are.
async fn bring_any(panel: &Client, import: ImageImport, output: &Output) -> Result<(), Failure> {
    let from = import
        .file
        .to_str()
        .filter(|text| ["https://", "http://", "docker://"].iter().any(|kind| text.starts_with(kind)));
    if let Some(url) = from.map(str::to_owned) {
        let (wait, sha256) = (import.wait, import.sha256.clone().unwrap_or_default());
        let begun = panel.image_import(&ImageDraft { url, sha256, ..draft(panel, import.words).await? }).await?;
        return over(panel, begun, wait, output).await;
    }
    if !import.file.is_dir() {
        return bring(panel, import, output).await;
    }
    let place = place(&import.file)?;
    let failed = |source| Failure::File { what: "packing", path: import.file.clone(), source };
    let archive = place.path().join("root.tar");
    let mut tar = Command::new("tar");
    tar.args(["--create", "--numeric-owner", "--xattrs", "--one-file-system", "--directory"]).arg(&import.file);
    let status = tar.arg("--file").arg(&archive).arg(".").status().map_err(failed)?;
    if !status.success() {
        return Err(Failure::Failed { what: "tar".into(), reason: status.to_string() });
    }
    bring(panel, ImageImport { file: archive, ..import }, output).await
}

/// By the panel. What is wrong with a recipe is said without one.
async fn have_built(panel: &Client, build: ImageBuild, output: &Output) -> Result<(), Failure> {
    let (recipe, _) = recipe::read(&build.recipe)?;
    let version = build.version.unwrap_or_default();
    let begun = panel.image_import(&ImageDraft { recipe, version, ..ImageDraft::default() }).await?;
    over(panel, begun, build.wait, output).await
}

fn recipes(name: Option<String>) -> Result<(), Failure> {
    let Some(name) = name else {
        SHIPPED.iter().for_each(|(name, _)| println!("{name}"));
        return Ok(());
    };
    match SHIPPED.iter().find(|(its, _)| *its == name) {
        Some((_, text)) => {
            print!("{text}");
            Ok(())
        }
        None => Err(Failure::Unknown { what: "recipe", name, list: "images recipes" }),
    }
}

/// Of a recipe, here; what it is made in goes whatever becomes of it.
async fn make(panel: impl Fn() -> Result<Client, Failure>, build: ImageBuild, output: &Output) -> Result<(), Failure> {
    let (_, recipe) = recipe::read(&build.recipe)?;
    let place = place(&build.recipe)?;
    // Whoever unpacks is another user.
    let opened = fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755));
    opened.map_err(|source| Failure::File { what: "opening", path: place.path().to_owned(), source })?;
    let archive = recipe::build(&recipe, place.path())?;
    if let Some(keep) = build.keep {
        let kept = fs::copy(&archive, &keep).map(drop);
        return kept.map_err(|source| Failure::File { what: "writing", path: keep, source });
    }
    let import = ImageImport {
        upload: None,
        file: archive,
        words: ImageWords {
            name: recipe.name,
            version: build.version.unwrap_or(recipe.version),
            title: recipe.title,
            description: recipe.description,
            user: None,
            memory: recipe.memory_mib,
            tested_with: recipe.tested_with,
            note: None,
            visibility: Visibility::Public.to_string(),
        },
        sha256: None,
        wait: build.wait,
    };
    bring(&panel()?, import, output).await
}

async fn of_guest(panel: &Client, publish: ImagePublish, output: &Output) -> Result<(), Failure> {
    let guest = find(panel, &publish.guest).await?.id;
    let draft = ImageDraft {
        guest: Some(guest),
        snapshot: Some(sought(panel, guest, &publish.snapshot).await?),
        logins: if publish.keep_logins { Logins::Keep } else { Logins::Remove },
        ..draft(panel, publish.words).await?
    };
    let begun = panel.image_import(&draft).await?;
    over(panel, begun, publish.wait, output).await
}

/// What is said of it.
async fn draft(panel: &Client, words: ImageWords) -> Result<ImageDraft, Failure> {
    Ok(ImageDraft {
        visibility: visibility(panel, &words.visibility).await?,
        name: words.name,
        version: words.version,
        title: words.title.unwrap_or_default(),
        description: words.description.unwrap_or_default(),
        default_user: words.user.unwrap_or_default(),
        memory_mib: words.memory,
        tested_with: words.tested_with.unwrap_or_default(),
        note: words.note.unwrap_or_default(),
        ..ImageDraft::default()
    })
}

async fn over(panel: &Client, begun: Option<OperationId>, wait: Wait, output: &Output) -> Result<(), Failure> {
    match begun.filter(|_| !wait.no_wait) {
        Some(operation) => watch(panel, operation, wait.patience(), output).await,
        None => Ok(()),
    }
}

/// Sends the file, or what is missing of it, and waits until it is an image.
async fn bring(panel: &Client, import: ImageImport, output: &Output) -> Result<(), Failure> {
    let ImageImport { file, words, sha256, upload, wait } = import;
    let draft = draft(panel, words).await?;
    let upload = match upload {
        Some(upload) => upload,
        None => panel.upload_begin().await?,
    };
    let sent = async {
        let found = panel.upload_send(upload, "disk", &file).await?;
        let sha256 = sha256.unwrap_or(found);
        panel.image_import(&ImageDraft { upload: upload.to_string(), sha256, ..draft }).await
    };
    match sent.await {
        Ok(begun) => over(panel, begun, wait, output).await,
        // What has come stays for a day.
        Err(error @ umbel_client::Error::Send { .. }) => Err(Failure::Cut { upload, source: Box::new(error) }),
        Err(error) => {
            // What was sent is of no use; why that stays, if it does, matters less than the error.
            let _ = panel.upload_remove(upload).await;
            Err(error.into())
        }
    }
}

/// A group goes by its name.
async fn visibility(panel: &Client, who: &str) -> Result<Visibility, Failure> {
    let Some(name) = who.strip_prefix("group:") else {
        return who.parse().map_err(|_| Failure::Wrong(format!("{who:?}: one of public, private and group:NAME")));
    };
    Ok(Visibility::Group(groups::find(panel, name).await?.id))
}

fn named(image: String) -> Result<ImageId, Failure> {
    image.parse().map_err(|_| Failure::Unknown { what: "image", name: image, list: "images list" })
}
