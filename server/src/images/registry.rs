//! What a registry of containers has becomes one file: an OCI image layout in a tar archive, as the workshop unpacks one
//! that was sent (github.com/opencontainers: distribution-spec, image-spec). How long that is and what lies where in it
//! follows from the manifest alone, so a fetch that was cut goes on in the middle of a layer.

use std::collections::HashSet;
use std::io::{self, Read as _, Seek as _};
use std::path::{Path, PathBuf};

use http_auth::parse_challenges;
use oci_spec::distribution::Reference;
use oci_spec::image::{Arch, Descriptor, ImageIndex, ImageManifest, Os};
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, RANGE, WWW_AUTHENTICATE};
use reqwest::{Client, Response, StatusCode, Url};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};
use umbel_guest::FieldError;

use super::fetch::{COMING, Coming, Tries, Trouble, address, begins_at, client, file, lasting, too_much, unanswered};
use crate::error::chain;
use crate::hex::hex;
use crate::http::address::Network;
use crate::operations::{Run, StepError};
use crate::outward::Way;
use crate::uploads::IMAGE_MOST;

/// As containers/image writes it (containers-transports(5)).
const SCHEME: &str = "docker://";
/// Of a manifest, as the specification advises registries to take; and of what a token comes in.
const MANIFEST_MOST: u64 = 4 << 20;
/// Docker builds no more than 127.
const LAYERS_MOST: usize = 200;
/// A block of tar(5).
const BLOCK: u64 = 512;
const ACCEPTED: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
                        application/vnd.docker.distribution.manifest.list.v2+json, \
                        application/vnd.docker.distribution.manifest.v2+json";

pub(super) fn is_one(text: &str) -> bool {
    text.trim().starts_with(SCHEME)
}

/// What is said of a sum beside such an address.
pub(super) fn pinned() -> FieldError {
    FieldError::new("sha256", "What a registry has is pinned in its address: docker://HOST/NAME@sha256:….")
}

/// Which image of which registry.
pub(super) struct Place {
    reference: Reference,
    /// `…/v2/NAME/`
    base: Url,
    way: Way,
}

impl Place {
    /// Asked over TLS; in the clear where it is an address, not a name, of a network that the settings name.
    pub(super) fn read(text: &str, permitted: &[Network]) -> Result<Self, String> {
        let how = || "An image of a registry is docker://HOST/NAME:TAG, or …@sha256:….".to_owned();
        let name = text.trim().strip_prefix(SCHEME).ok_or_else(how)?;
        let reference: Reference = name.parse().map_err(|error| format!("{} {error}.", how()))?;
        if reference.digest().is_some_and(|digest| !digest.starts_with("sha256:")) {
            return Err(how());
        }
        let host = reference.resolve_registry();
        let is_near = address(&format!("http://{host}/"), permitted).is_ok()
            && host.rsplit_once(':').map_or(host, |(host, _)| host).parse::<std::net::IpAddr>().is_ok();
        let scheme = if is_near { "http" } else { "https" };
        let (base, way) = address(&format!("{scheme}://{host}/v2/{}/", reference.repository()), permitted)?;
        Ok(Self { reference, base, way })
    }

    /// What a manifest is asked by: a digest before a tag.
    fn wanted(&self) -> &str {
        self.reference.digest().or(self.reference.tag()).unwrap_or("latest")
    }
}

/// Puts it together in an upload's place; says where.
pub(super) async fn fetch(run: &Run, place: &Path, from: &str) -> Result<PathBuf, StepError> {
    let permitted = &run.parts.fetch_networks;
    let from = Place::read(from, permitted).map_err(StepError::Failed)?;
    let client = client(from.way, permitted.clone()).map_err(StepError::Failed)?;
    let mut registry = Registry { run, client, from, token: None };
    let mut tries = Tries::default();
    while let Err(trouble) = registry.once(place).await {
        tries.wait(run, trouble).await?;
    }
    Ok(place.join(COMING))
}

struct Registry<'a> {
    run: &'a Run,
    client: Client,
    from: Place,
    /// What lets us read; anybody gets one who asks.
    token: Option<String>,
}

impl Registry<'_> {
    async fn once(&mut self, place: &Path) -> Result<(), Trouble> {
        let archive = Archive::of(&self.manifest(place).await?)?;
        let path = place.join(COMING);
        let there = tokio::fs::metadata(&path).await.map_or(0, |facts| facts.len());
        for member in &archive.members {
            // What follows a blob was begun when its sum was known to be right.
            if there > member.end() {
                continue;
            }
            match &member.content {
                Content::Own(bytes) => write(&path, member, bytes).await?,
                Content::Blob(digest) => self.blob(&path, member, digest, archive.bytes).await?,
            }
        }
        cut(&path, archive.bytes).await
    }

    /// As it was when the fetch began: a tag may lead elsewhere by now.
    async fn manifest(&mut self, place: &Path) -> Result<Vec<u8>, Trouble> {
        let kept = place.join("manifest");
        if let Ok(manifest) = tokio::fs::read(&kept).await {
            return Ok(manifest);
        }
        let wanted = self.from.wanted().to_owned();
        let mut manifest = self.document(&wanted).await?;
        if let Ok(index) = serde_json::from_slice::<ImageIndex>(&manifest) {
            let ours = index.manifests().iter().find(|one| {
                let platform = one.platform().as_ref();
                platform.is_some_and(|is| *is.architecture() == Arch::Amd64 && *is.os() == Os::Linux)
            });
            let ours = ours.ok_or_else(|| lasting("there is none for amd64 and linux in it"))?;
            manifest = self.document(&digest(ours)?).await?;
        }
        let archive = Archive::of(&manifest)?;
        let beside = place.join("manifest.coming");
        tokio::fs::write(&beside, &manifest).await.map_err(file("writing", &beside))?;
        tokio::fs::rename(&beside, &kept).await.map_err(file("naming", &kept))?;
        let (is, layers, mib) = (sum(&manifest), archive.layers, archive.bytes >> 20);
        self.run.log(&format!("{} is {is}: {layers} layers, {mib} MiB.", self.from.reference)).await?;
        Ok(manifest)
    }

    /// A manifest or an index, which is what its digest says where it is asked for by that.
    async fn document(&mut self, wanted: &str) -> Result<Vec<u8>, Trouble> {
        let answer = self.ask(&format!("manifests/{wanted}"), Some(ACCEPTED), 0).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Err(lasting(format!("the registry has no {}", self.from.reference)));
        }
        begins_at(&answer, None)?;
        let bytes = bounded(answer).await?;
        match wanted.starts_with("sha256:") && sum(&bytes) != wanted {
            true => Err(lasting(format!("the registry answers {}, not {wanted}", sum(&bytes)))),
            false => Ok(bytes),
        }
    }

    async fn blob(&mut self, path: &Path, member: &Member, wanted: &str, whole: u64) -> Result<(), Trouble> {
        let begin = member.at + BLOCK;
        let end = begin + member.bytes;
        let there = tokio::fs::metadata(path).await.map_or(0, |facts| facts.len());
        if there < begin {
            write(path, member, &[]).await?;
        }
        let from = there.clamp(begin, end) - begin;
        if begin + from < end {
            let answer = self.ask(&format!("blobs/{wanted}"), None, from).await?;
            let from = begins_at(&answer, (from > 0).then_some(from))?;
            let open = opened(path, begin + from).await?;
            let coming = Coming { open, path, bytes: begin + from, whole: Some(whole), most: end };
            coming.take_in(self.run, answer, Some(end)).await?;
        }
        let (read, length) = (path.to_owned(), member.bytes);
        let found = self.run.blocking(move || {
            sum_of(&read, begin, length).map_err(|error| format!("reading {}: {error}", read.display()))
        });
        let found = found.await?;
        if found != wanted {
            cut(path, member.at).await?;
            return Err(lasting(format!("a layer of it is {found}, not {wanted}")));
        }
        cut(path, member.end()).await
    }

    /// Below the image's address; a second time where the registry wants a token (distribution: docs/spec/auth/token.md).
    async fn ask(&mut self, below: &str, accept: Option<&str>, from: u64) -> Result<Response, Trouble> {
        let url = self.from.base.join(below).map_err(|error| lasting(format!("the address of {below}: {error}")))?;
        let mut is_second = false;
        loop {
            let mut request = self.client.get(url.clone()).header(ACCEPT_ENCODING, "identity");
            if let Some(accept) = accept {
                request = request.header(ACCEPT, accept);
            }
            if from > 0 {
                request = request.header(RANGE, format!("bytes={from}-"));
            }
            if let Some(token) = &self.token {
                request = request.bearer_auth(token);
            }
            let answer = request.send().await.map_err(unanswered)?;
            if answer.status() != StatusCode::UNAUTHORIZED {
                return Ok(answer);
            }
            if is_second {
                return Err(lasting("the registry shows it to nobody who isn't signed in"));
            }
            self.token = Some(self.let_in(answer.headers()).await?);
            is_second = true;
        }
    }

    async fn let_in(&self, headers: &HeaderMap) -> Result<String, Trouble> {
        let Bearer { realm, service } = Bearer::of(headers)
            .ok_or_else(|| lasting("the registry wants somebody to sign in, in a way that isn't known here"))?;
        let (mut url, way) = address(&realm, &self.run.parts.fetch_networks).map_err(lasting)?;
        if way != self.from.way {
            return Err(lasting("the registry sends one out of TLS, or into it, for a token"));
        }
        let scope = format!("repository:{}:pull", self.from.reference.repository());
        url.query_pairs_mut().append_pair("service", &service).append_pair("scope", &scope);
        let answer = self.client.get(url).send().await.map_err(unanswered)?;
        if answer.status() == StatusCode::UNAUTHORIZED || answer.status() == StatusCode::FORBIDDEN {
            return Err(lasting("the registry shows it to nobody who isn't signed in"));
        }
        begins_at(&answer, None)?;
        let token: Token = serde_json::from_slice(&bounded(answer).await?)
            .map_err(|error| lasting(format!("the registry's token can't be read: {error}")))?;
        token.token.or(token.access_token).ok_or_else(|| lasting("the registry gives no token"))
    }
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// Where a token is had (RFC 6750, 3).
#[derive(Debug, PartialEq, Eq)]
struct Bearer {
    realm: String,
    service: String,
}

impl Bearer {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let said = headers.get_all(WWW_AUTHENTICATE).into_iter().filter_map(|value| value.to_str().ok());
        said.filter_map(|text| parse_challenges(text).ok()).flatten().find_map(|challenge| {
            let param = |name: &str| {
                let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.to_unescaped())
            };
            let is_ours = challenge.scheme.eq_ignore_ascii_case("Bearer");
            let realm = param("realm").filter(|_| is_ours)?;
            Some(Self { realm, service: param("service").unwrap_or_default() })
        })
    }
}

/// The file that is made, in the order of its members.
#[derive(Debug)]
struct Archive {
    members: Vec<Member>,
    layers: usize,
    bytes: u64,
}

#[derive(Debug)]
struct Member {
    name: String,
    /// In the archive, in bytes: its header, and then it.
    at: u64,
    bytes: u64,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Own(Vec<u8>),
    /// Of that digest.
    Blob(String),
}

impl Member {
    /// Where the next one begins.
    fn end(&self) -> u64 {
        self.at + BLOCK + self.bytes.next_multiple_of(BLOCK)
    }

    fn header(&self) -> io::Result<tar::Header> {
        let mut header = tar::Header::new_ustar();
        header.set_path(&self.name)?;
        header.set_size(self.bytes);
        header.set_mode(0o644);
        header.set_cksum();
        Ok(header)
    }
}

impl Archive {
    fn of(manifest: &[u8]) -> Result<Self, Trouble> {
        let read: ImageManifest = serde_json::from_slice(manifest)
            .map_err(|error| lasting(format!("what the registry answers is no image: {error}")))?;
        let layers = read.layers().len();
        if layers > LAYERS_MOST {
            return Err(lasting(format!("it has {layers} layers, and {LAYERS_MOST} are the most")));
        }
        let mut archive = Self { members: Vec::new(), layers, bytes: 0 };
        let (is, bytes) = (sum(manifest), manifest.len());
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let index = serde_json::json!({
            "schemaVersion": 2, "manifests": [{ "mediaType": kind, "digest": is, "size": bytes }],
        });
        archive.own("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec())?;
        archive.own("index.json", index.to_string().into_bytes())?;
        archive.own(&blob_name(&is), manifest.to_vec())?;
        let mut seen = HashSet::from([is]);
        for blob in std::iter::once(read.config()).chain(read.layers()) {
            let is = digest(blob)?;
            if seen.insert(is.clone()) {
                archive.push(&blob_name(&is), blob.size(), Content::Blob(is))?;
            }
        }
        // Two empty blocks say that there is no more (tar(5)).
        archive.bytes += 2 * BLOCK;
        Ok(archive)
    }

    fn own(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), Trouble> {
        self.push(name, bytes.len() as u64, Content::Own(bytes))
    }

    fn push(&mut self, name: &str, bytes: u64, content: Content) -> Result<(), Trouble> {
        if bytes > IMAGE_MOST || self.bytes > IMAGE_MOST {
            return Err(too_much());
        }
        let member = Member { name: name.to_owned(), at: self.bytes, bytes, content };
        self.bytes = member.end();
        self.members.push(member);
        Ok(())
    }
}

fn blob_name(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}

/// No other kind is unpacked here.
fn digest(of: &Descriptor) -> Result<String, Trouble> {
    let digest = of.as_digest_sha256().ok_or_else(|| lasting("a digest of it is not of the kind sha256"))?;
    Ok(format!("sha256:{digest}"))
}

fn sum(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

fn sum_of(path: &Path, begin: u64, length: u64) -> io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    file.seek(io::SeekFrom::Start(begin))?;
    let mut sum = Sha256::new();
    io::copy(&mut file.take(length), &mut sum)?;
    Ok(format!("sha256:{}", hex(&sum.finalize())))
}

/// To be written on from there; what came after it is gone.
async fn opened(path: &Path, at: u64) -> Result<tokio::fs::File, Trouble> {
    let mut open = tokio::fs::File::options();
    let mut open = open.write(true).create(true).truncate(false).open(path).await.map_err(file("opening", path))?;
    open.set_len(at).await.map_err(file("shortening", path))?;
    open.seek(io::SeekFrom::Start(at)).await.map_err(file("reading", path))?;
    Ok(open)
}

async fn cut(path: &Path, at: u64) -> Result<(), Trouble> {
    let open = opened(path, at).await?;
    open.sync_all().await.map_err(file("writing", path))
}

/// Its header, and what there is of it.
async fn write(path: &Path, member: &Member, bytes: &[u8]) -> Result<(), Trouble> {
    let header = member.header().map_err(file("naming a part of", path))?;
    let mut open = opened(path, member.at).await?;
    open.write_all(header.as_bytes()).await.map_err(file("writing", path))?;
    open.write_all(bytes).await.map_err(file("writing", path))?;
    let end = if bytes.is_empty() { member.at + BLOCK } else { member.end() };
    open.flush().await.map_err(file("writing", path))?;
    open.set_len(end).await.map_err(file("writing", path))
}

async fn bounded(mut answer: Response) -> Result<Vec<u8>, Trouble> {
    let mut bytes = Vec::new();
    while let Some(more) =
        answer.chunk().await.map_err(|error| Trouble::Passing(format!("the connection was cut: {}", chain(&error))))?
    {
        bytes.extend_from_slice(&more);
        if bytes.len() as u64 > MANIFEST_MOST {
            return Err(lasting(format!("the registry answers more than {} MiB", MANIFEST_MOST >> 20)));
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_registry_name_and_what_of_it() {
        let near: Vec<Network> = vec!["192.0.2.0/24".parse().expect("a block")];
        for (text, base, wanted) in [
            ("docker://registry.example.org/team/app:1.2", "https://registry.example.org/v2/team/app/", "1.2"),
            (" docker://registry.example.org:5000/app ", "https://registry.example.org:5000/v2/app/", "latest"),
            ("docker://192.0.2.7:5000/app:1", "http://192.0.2.7:5000/v2/app/", "1"),
        ] {
            let place = Place::read(text, &near).expect(text);
            assert_eq!((place.base.as_str(), place.wanted()), (base, wanted), "{text}");
        }
        let pinned = format!("docker://registry.example.org/app:1@sha256:{}", "a".repeat(64));
        assert_eq!(Place::read(&pinned, &[]).expect("pinned").wanted(), format!("sha256:{}", "a".repeat(64)));
    }

    #[test]
    fn no_address_leads_inside_or_out_of_its_registry() {
        let sha512 = format!("docker://registry.example.org/app@sha512:{}", "a".repeat(128));
        for text in [
            "docker://192.0.2.7:5000/app:1",
            "docker://[::1]:5000/app:1",
            "docker://registry.example.org/App:1",
            "docker://registry.example.org/../app:1",
            "docker://registry.example.org/app?x=1",
            "docker://me:secret@registry.example.org/app:1",
            "docker://registry.example.org/app:1/../../x",
            "docker://",
            &sha512,
        ] {
            assert!(Place::read(text, &[]).is_err(), "{text}");
        }
    }

    #[test]
    fn where_a_token_is_had_is_read_out_of_a_challenge() {
        let mut headers = HeaderMap::new();
        let said = r#"Basic realm="x", Bearer realm="https://auth.example.org/token",service="a \"b\"",scope="all""#;
        headers.insert(WWW_AUTHENTICATE, said.parse().expect("a value"));
        let expected = Bearer { realm: "https://auth.example.org/token".into(), service: "a \"b\"".into() };
        assert_eq!(Bearer::of(&headers), Some(expected));
        for nonsense in ["Basic realm=\"x\"", "Bearer", "Bearer realm", ",,,="] {
            headers.insert(WWW_AUTHENTICATE, nonsense.parse().expect("a value"));
            assert_eq!(Bearer::of(&headers), None, "{nonsense}");
        }
    }

    #[test]
    fn what_a_manifest_says_is_bounded() {
        let blob = |kind: &str, size: u64| serde_json::json!({ "mediaType": "x/y", "digest": format!("{kind}:{}", "a".repeat(if kind == "sha512" { 128 } else { 64 })), "size": size });
        let manifest = |layers: Vec<serde_json::Value>| {
            serde_json::json!({ "schemaVersion": 2, "config": blob("sha256", 2), "layers": layers }).to_string()
        };
        let archive = Archive::of(manifest(vec![blob("sha256", 2)]).as_bytes()).expect("fine");
        assert_eq!(archive.members.len(), 4, "a blob that is named twice is there once");
        for (layers, expected) in [
            (vec![blob("sha256", 0), blob("sha512", 1)], "not of the kind"),
            (vec![blob("sha256", 1); 201], "201 layers"),
        ] {
            let Err(Trouble::Lasting(StepError::Failed(why))) = Archive::of(manifest(layers).as_bytes()) else {
                panic!("{expected}")
            };
            assert!(why.contains(expected), "{why}");
        }
        let large = serde_json::json!({ "schemaVersion": 2, "config": blob("sha256", u64::MAX), "layers": [] });
        assert!(Archive::of(large.to_string().as_bytes()).is_err());
        assert!(Archive::of(b"[]").is_err());
    }
}
