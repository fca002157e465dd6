//! The targets: whatever bytes they get, they say what is wrong and don't panic, hang or take memory
//! without end; and what they understand they understand again after it was written.

mod run;
mod targets;

/// Each as a test of its own, over the directory of the same name in `corpus/`.
macro_rules! fuzz {
    ($($target:ident)*) => {$(
        #[test]
        fn $target() {
            run::run(stringify!($target), targets::$target);
        }
    )*};
}

fuzz! { agent_request agent_reply shim_order to_shim from_shim frames console_frames cow_header mconsole_reply mconsole_notice meminfo ring kernel_file libraries by_hand archive file_list }

#[test]
fn every_directory_of_the_corpus_has_a_target() {
    let names = run::directories();
    assert!(names.len() >= 12, "{names:?}");
    let source = include_str!("main.rs");
    let line = source.lines().find(|line| line.starts_with("fuzz! {")).expect("above");
    let unknown: Vec<_> = names.iter().filter(|name| !line.split(' ').any(|word| word == name.as_str())).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

/// Damage begins at what is understood: a corpus of an older format would test nothing but the first brace.
#[test]
fn what_the_corpus_begins_with_is_understood() {
    use umbel_wire::agent::{Reply, Request};
    use umbel_wire::launch::ShimOrder;
    use umbel_wire::shim::{FromShim, ToShim};

    type Understands = fn(&[u8]) -> bool;
    let reads: [(&str, Understands); 5] = [
        ("agent_request", |bytes| serde_json::from_slice::<Request>(bytes).is_ok()),
        ("agent_reply", |bytes| serde_json::from_slice::<Reply>(bytes).is_ok()),
        ("shim_order", |bytes| serde_json::from_slice::<ShimOrder>(bytes).is_ok()),
        ("to_shim", |bytes| ToShim::decode(bytes).is_ok()),
        ("from_shim", |bytes| FromShim::decode(bytes).is_ok()),
    ];
    for (name, understands) in reads {
        for (file, bytes) in run::inputs(name) {
            assert!(understands(&bytes) || file.contains("failed-"), "{file}");
        }
    }
}
