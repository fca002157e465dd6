//! Files on a guest's disk, as whoever reads them finds them. Their names are the guest's: any bytes but a slash and NUL.
//! As text they lose nothing and can be shown: what is no letter, digit or sign of its own stands as `%` and two digits.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Of a path, in bytes; Linux takes 4096 with the last zero.
pub const PATH_MAX: usize = 4000;
/// Of a name (`NAME_MAX`, limits.h).
pub const NAME_MAX: usize = 255;
/// Of one directory so many are listed.
pub const LIST_MAX: usize = 10_000;

/// A name, or where a link leads: bytes that a guest has chosen.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(Vec<u8>);

impl FileName {
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for letter in chunk.valid().chars() {
                if is_shown(letter) {
                    write!(f, "{letter}")?;
                } else {
                    escape(f, letter.encode_utf8(&mut [0; 4]).as_bytes())?;
                }
            }
            escape(f, chunk.invalid())?;
        }
        Ok(())
    }
}

impl fmt::Debug for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileName({self})")
    }
}

/// What looks like what it is: no controls, nothing that turns the direction of what stands beside it or can't be seen
/// (Unicode's categories Cc, Cf, Zl, Zp, Co and what no font has), no blanks but the one.
fn is_shown(letter: char) -> bool {
    match letter {
        '%' => false,
        ' '..='~' => true,
        _ => {
            letter.is_alphanumeric()
                || matches!(letter, '\u{a1}'..='\u{ac}' | '\u{ae}'..='\u{2ff}' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}'
                    | '\u{20a0}'..='\u{2bff}' | '\u{3001}'..='\u{3030}' | '\u{1f300}'..='\u{1faff}')
        }
    }
}

fn escape(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "%{byte:02X}"))
}

/// A path that can't be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    #[error("a path begins with a slash")]
    Begins,
    #[error("a path has no parts . and ..")]
    Dots,
    #[error("a path has {PATH_MAX} bytes at most, and each of its names {NAME_MAX}")]
    Long,
    #[error("a % is followed by two hexadecimal digits of a byte that is not zero, and stands for itself as %25")]
    Escape,
}

/// Where a file is, from the root of its disk on. The root itself has no names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FilePath(Vec<FileName>);

impl FilePath {
    pub fn names(&self) -> &[FileName] {
        &self.0
    }

    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// What lies in it under that name, which may have come from a disk.
    pub fn join(&self, name: &FileName) -> Result<Self, BadPath> {
        let path = Self(self.0.iter().cloned().chain([name.clone()]).collect());
        path.check().map(|()| path)
    }

    /// The directories on the way, the root first, without the last name.
    pub fn above(&self) -> impl Iterator<Item = Self> {
        (0..self.0.len()).map(|count| Self(self.0[..count].to_vec()))
    }

    /// For a program whose working directory is the root of the disk.
    pub fn relative(&self) -> Vec<u8> {
        let mut bytes = b".".to_vec();
        for name in &self.0 {
            bytes.push(b'/');
            bytes.extend_from_slice(name.as_bytes());
        }
        bytes
    }

    fn check(&self) -> Result<(), BadPath> {
        let is_dots = |name: &FileName| matches!(name.as_bytes(), b"." | b"..");
        let is_wrong = |name: &FileName| name.as_bytes().iter().any(|byte| matches!(byte, 0 | b'/'));
        let is_long = |name: &FileName| name.as_bytes().is_empty() || name.as_bytes().len() > NAME_MAX;
        if self.0.iter().any(is_dots) {
            return Err(BadPath::Dots);
        }
        if self.0.iter().any(is_wrong) {
            return Err(BadPath::Escape);
        }
        if self.0.iter().any(is_long) || self.relative().len() > PATH_MAX {
            return Err(BadPath::Long);
        }
        Ok(())
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("/");
        }
        self.0.iter().try_for_each(|name| write!(f, "/{name}"))
    }
}

impl FromStr for FilePath {
    type Err = BadPath;

    /// As it is shown; letters that need not be escaped may be.
    fn from_str(text: &str) -> Result<Self, BadPath> {
        let text = text.strip_prefix('/').ok_or(BadPath::Begins)?;
        let names = text.split('/').filter(|name| !name.is_empty()).map(unescape).collect::<Result<_, _>>()?;
        let path = Self(names);
        path.check().map(|()| path)
    }
}

fn unescape(text: &str) -> Result<FileName, BadPath> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, after @ ..] = rest {
        let byte = match (first, after) {
            (b'%', [high, low, ..]) => {
                digit(*high).ok_or(BadPath::Escape)? << 4 | digit(*low).ok_or(BadPath::Escape)?
            }
            (b'%', _) => return Err(BadPath::Escape),
            _ => *first,
        };
        bytes.push(byte);
        rest = if *first == b'%' { &after[2..] } else { after };
    }
    Ok(FileName(bytes))
}

/// As a word, wherever it travels.
impl Serialize for FilePath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FilePath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What is wanted of what has a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileAsk {
    /// What lies in a directory.
    List,
    /// What a file holds.
    Content,
    /// Files, directories and links as a tar archive.
    Archive,
}

impl FileAsk {
    pub fn word(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Content => "content",
            Self::Archive => "archive",
        }
    }
}

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum NoFile {
    #[error("there is nothing of that name (links are not followed)")]
    Missing,
    #[error("it is a directory")]
    Directory,
    #[error("it is no directory")]
    NoDirectory,
    #[error("it is no file: links, devices, pipes and sockets hold nothing that can be taken")]
    Special,
    #[error("it is larger than {mib} MiB, which is the most that is taken at once")]
    Large { mib: u64 },
    #[error("its disk is encrypted (LUKS)")]
    Encrypted,
    #[error(
        "its disk has no file system that is known here: ext2, ext3, ext4 and what else the host's kernel for guests reads"
    )]
    Unknown,
    #[error("its file system is damaged: {said}")]
    Damaged { said: String },
}

impl NoFile {
    /// What the guest that reads a disk says, in its words.
    pub fn of_word(word: &str, mib: u64) -> Self {
        match word {
            "missing" => Self::Missing,
            "directory" => Self::Directory,
            "no-directory" => Self::NoDirectory,
            "special" => Self::Special,
            "large" => Self::Large { mib },
            "encrypted" => Self::Encrypted,
            "unknown" => Self::Unknown,
            said => {
                Self::Damaged { said: said.chars().filter(|letter| matches!(letter, ' '..='~')).take(200).collect() }
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    File,
    Directory,
    Link,
    /// A device, a pipe or a socket: nothing of it can be taken.
    Special,
}

/// A line of a directory. All of it is a guest's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    pub name: FileName,
    pub kind: FileKind,
    pub bytes: u64,
    /// The twelve bits of chmod(2).
    pub mode: u16,
    pub uid: u32,
    pub gid: u32,
    /// When its content changed last, in seconds since the epoch.
    pub changed_at: i64,
    /// Where a link leads.
    pub target: Option<FileName>,
}

/// What lies in a directory, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileList {
    pub entries: Vec<FileEntry>,
    /// There are more than [`LIST_MAX`], of which these are some.
    pub has_more: bool,
    /// Some of it could not be read.
    pub is_damaged: bool,
}

/// Of the list that the guest wrote who read the disk: each line ends with a zero and has `NAME/KIND/SIZE/MODE/UID/GID/TIME/TARGET`
/// as find(1) prints `%f/%y/%s/%m/%U/%G/%T@/%l`. What makes no sense is left out.
pub fn parse_list(bytes: &[u8]) -> FileList {
    let mut list = FileList::default();
    for line in bytes.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
        if line == b"/damaged" {
            list.is_damaged = true;
        } else if list.entries.len() == LIST_MAX {
            list.has_more = true;
            break;
        } else {
            list.entries.extend(parse_line(line));
        }
    }
    list.entries.sort_by(|one, other| one.name.cmp(&other.name));
    list.entries.dedup_by(|one, other| one.name == other.name);
    list
}

fn parse_line(line: &[u8]) -> Option<FileEntry> {
    let mut parts = line.splitn(8, |byte| *byte == b'/');
    let name = parts.next().filter(|name| (1..=NAME_MAX).contains(&name.len()) && *name != b"." && *name != b"..")?;
    let kind = match parts.next()? {
        b"f" => FileKind::File,
        b"d" => FileKind::Directory,
        b"l" => FileKind::Link,
        _ => FileKind::Special,
    };
    let mut text = || std::str::from_utf8(parts.next()?).ok();
    let (bytes, mode) = (text()?.parse().ok()?, u16::from_str_radix(text()?, 8).ok()? & 0o7777);
    let (uid, gid, time) = (text()?.parse().ok()?, text()?.parse().ok()?, text()?);
    let changed_at = time.split_once('.').map_or(time, |(seconds, _)| seconds).parse().ok()?;
    let target = parts.next().filter(|target| kind == FileKind::Link && target.len() <= 4096).map(FileName::new);
    Some(FileEntry { name: FileName::new(name), kind, bytes, mode, uid, gid, changed_at, target })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_can_deceive_is_escaped_and_nothing_is_lost() {
        let shown = |bytes: &[u8]| FileName::new(bytes).to_string();
        assert_eq!(shown("Grüße, 猫 100%.txt".as_bytes()), "Grüße, 猫 100%25.txt");
        assert_eq!(shown(b"a\nb\x1b[31m\x7f"), "a%0Ab%1B[31m%7F");
        assert_eq!(shown("txt.\u{202e}exe".as_bytes()), "txt.%E2%80%AEexe");
        assert_eq!(shown("\u{200b}\u{feff}\u{2028}\u{85}\u{ad}".as_bytes()), "%E2%80%8B%EF%BB%BF%E2%80%A8%C2%85%C2%AD");
        assert_eq!(shown(b"\xff\xc3"), "%FF%C3");
    }

    #[test]
    fn a_path_leads_down_and_nowhere_else() {
        let path = |text: &str| text.parse::<FilePath>();
        assert_eq!(path("/"), Ok(FilePath::default()));
        assert_eq!(path("//etc//passwd/").map(|path| path.relative()), Ok(b"./etc/passwd".to_vec()));
        for (text, why) in [
            ("etc", BadPath::Begins),
            ("", BadPath::Begins),
            ("/a/../b", BadPath::Dots),
            ("/./b", BadPath::Dots),
            ("/%2e%2E/b", BadPath::Dots),
            ("/a%2Fb", BadPath::Escape),
            ("/a%00b", BadPath::Escape),
            ("/100%", BadPath::Escape),
            ("/%+1", BadPath::Escape),
            ("/%zz", BadPath::Escape),
        ] {
            assert_eq!(path(text), Err(why), "{text}");
        }
        assert_eq!(path(&format!("/{}", "x".repeat(256))), Err(BadPath::Long));
        assert_eq!(path(&format!("/{}", "x/".repeat(2100))), Err(BadPath::Long));
        let deep: FilePath = path("/a/b/c").expect("a path");
        assert_eq!(deep.above().map(|path| path.to_string()).collect::<Vec<_>>(), ["/", "/a", "/a/b"]);
        assert!(deep.join(&FileName::new(b"..")).is_err());
    }

    #[test]
    fn a_list_is_bounded_and_what_makes_no_sense_is_left_out() {
        let line = |name: &str, kind: &str| format!("{name}/{kind}/12/644/0/1000/1700000000.5/\0");
        let mut text = line("b", "f") + &line("a", "d") + "l/l/3/777/0/0/-1.0000/../x/y\0" + &line("s", "s");
        text += "/damaged\0..\0../d/1/755/0/0/0/\0x/f/many/644/0/0/0/\0y/f/1/99999999/0/0/0/\0\0no\0a/f/1/644/0/0/0/\0";
        let list = parse_list(text.as_bytes());
        assert!(list.is_damaged && !list.has_more);
        let names: Vec<_> = list.entries.iter().map(|entry| (entry.name.to_string(), entry.kind)).collect();
        let wished = [FileKind::Directory, FileKind::File, FileKind::Link, FileKind::Special];
        assert_eq!(names, ["a", "b", "l", "s"].map(str::to_owned).into_iter().zip(wished).collect::<Vec<_>>());
        let link = &list.entries[2];
        assert_eq!((link.target.clone(), link.changed_at, link.mode), (Some(FileName::new(b"../x/y")), -1, 0o777));
        let many: String = (0..=LIST_MAX).map(|number| line(&number.to_string(), "f")).collect();
        let list = parse_list(many.as_bytes());
        assert_eq!((list.entries.len(), list.has_more), (LIST_MAX, true));
    }

    proptest! {
        #[test]
        fn what_a_guest_calls_a_file_comes_back_as_it_was(name in proptest::collection::vec(1u8..=255, 1..60)) {
            let name: Vec<u8> = name.into_iter().map(|byte| if byte == b'/' { b'%' } else { byte }).collect();
            prop_assume!(name != b"." && name != b"..");
            let path = FilePath::default().join(&FileName::new(&name)).expect("a name");
            let text = path.to_string();
            prop_assert!(!text.chars().any(char::is_control));
            prop_assert_eq!(text.parse::<FilePath>(), Ok(path));
        }
    }
}
