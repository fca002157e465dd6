use std::io::Write as _;

use liblzma::write::XzEncoder;
use proptest::prelude::*;

use super::*;

const ELF: &[u8] = b"\x7fELF a kernel";

/// An upload with these files.
fn upload(files: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("a directory");
    fs::create_dir(place.path().join("files")).expect("a directory");
    for (name, content) in files {
        fs::write(place.path().join("files").join(name), content).expect("a file");
    }
    place
}

fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = b"!<arch>\n".to_vec();
    for (name, content) in members {
        writeln!(archive, "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`", 0, 0, 0, "100644", content.len()).expect("memory");
        archive.extend_from_slice(content);
        archive.extend(std::iter::repeat_n(b'\n', content.len() % 2));
    }
    archive
}

fn deb(files: &[(&str, &[u8])], links: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, path, *content).expect("memory");
    }
    for (path, to) in links {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        tar.append_link(&mut header, path, to).expect("memory");
    }
    let tar = tar.into_inner().expect("memory");
    let mut xz = XzEncoder::new(Vec::new(), 1);
    xz.write_all(&tar).expect("memory");
    ar(&[("debian-binary", b"2.0\n"), ("control.tar.xz", b"x"), ("data.tar.xz", &xz.finish().expect("memory"))])
}

fn lib(place: &tempfile::TempDir) -> Vec<String> {
    let entries = fs::read_dir(place.path().join("lib")).expect("a directory");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("plain")).collect();
    names.sort();
    names
}

#[test]
fn an_elf_file_is_a_kernel_as_it_is() {
    let place = upload(&[("linux-mine", ELF.to_vec())]);
    for _ in 0..2 {
        unpack(place.path()).expect("a kernel");
        assert_eq!(fs::read(place.path().join("linux")).expect("it is there"), ELF);
        assert_eq!(lib(&place), Vec::<String>::new());
    }
}

#[test]
fn a_kernel_and_its_c_library_come_out_of_packages() {
    let kernel =
        deb(&[("./usr/bin/linux.uml", ELF), ("./usr/lib/uml/modules/x.ko", b"m"), ("./etc/passwd", b"p")], &[]);
    let libc = deb(
        &[("./usr/lib/x86_64-linux-gnu/libc.so.6", b"c"), ("./usr/lib/x86_64-linux-gnu/libpcap.so.1.10.5", b"p")],
        &[
            ("./lib64/ld-linux-x86-64.so.2", "../usr/lib/x86_64-linux-gnu/libc.so.6"),
            ("./usr/lib/x86_64-linux-gnu/libpcap.so.0.8", "libpcap.so.1.10.5"),
            ("./usr/lib/x86_64-linux-gnu/libevil.so.1", "/etc/shadow"),
        ],
    );
    let place = upload(&[("user-mode-linux_7.2um1_amd64.deb", kernel), ("libc6_2.42-1_amd64.deb", libc)]);
    unpack(place.path()).expect("a kernel");
    assert_eq!(fs::read(place.path().join("linux")).expect("it is there"), ELF);
    assert_eq!(lib(&place), ["ld-linux-x86-64.so.2", "libc.so.6", "libpcap.so.0.8", "libpcap.so.1.10.5"]);
}

#[test]
fn what_is_no_kernel_says_what_it_is_instead() {
    let error = |files: &[(&str, Vec<u8>)]| unpack(upload(files).path()).expect_err("no kernel").to_string();
    assert!(error(&[]).contains("no kernel"));
    assert!(error(&[("a", b"#!/bin/sh".to_vec())]).contains("neither"));
    assert!(error(&[("a", ELF.to_vec()), ("b", ELF.to_vec())]).contains("two kernels"));
    assert!(error(&[("a.deb", deb(&[("./usr/share/doc/x", b"x")], &[]))]).contains("no kernel"));
    assert!(error(&[("a.deb", ar(&[("data.tar.zst", b"x")]))]).contains("data.tar.zst"));
    assert!(error(&[("a.deb", ar(&[("data.tar.xz", b"no xz at all")]))]).contains("no whole Debian package"));
    let whole = deb(&[("./usr/bin/linux.uml", ELF)], &[]);
    assert!(error(&[("a.deb", whole[..whole.len() - 30].to_vec())]).contains("no whole Debian package"));
}

#[test]
fn a_path_that_climbs_is_nothing() {
    assert_eq!(what(Path::new("../bin/linux.uml")), What::Nothing);
    assert_eq!(what(Path::new("/usr/bin/linux.uml")), What::Nothing);
    assert_eq!(what(Path::new("./lib/../libc.so.6")), What::Nothing);
    assert_eq!(what(Path::new("usr/lib/x/libc.so.6")), What::Library("libc.so.6".into()));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let place = upload(&[("a.deb", [b"!<arch>\n".as_slice(), &bytes].concat())]);
        prop_assert!(unpack(place.path()).is_err());
    }
}
