//! `umbel-escape`: takes the place of a guest's kernel and tells on its console what it could steal.

use std::io::Write;
use std::process::ExitCode;

use umbel_escape::call::{End, call, in_child};
use umbel_escape::{attacks, orders};

/// What the agent looks for in a file that is to be a kernel.
#[used]
static VERSION: &str = "Linux version 6.9.9-probe (umbel-escape) User Mode Linux mconsole";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        // As a kernel answers when it is asked what it is.
        Some("--version") => println!("6.9.9-probe"),
        Some("--showconfig") => {
            println!("CONFIG_UML=y\nCONFIG_EXT4_FS=y\nCONFIG_BLK_DEV_COW_COMMON=y\nCONFIG_UML_NET_VECTOR=y")
        }
        Some("--help") => {
            println!("User Mode Linux v6.9.9-probe\n\nmem=<Amount of desired ram>\n\nseccomp=<on/off/auto>")
        }
        // As a program that belongs to root and has the set-user-ID bit.
        Some("--who") => {
            return if call(libc::SYS_geteuid, &[]) == Ok(0) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        _ => return attack(arguments),
    }
    ExitCode::SUCCESS
}

fn attack(arguments: Vec<String>) -> ExitCode {
    let said = VERSION.get(..13).unwrap_or_default();
    println!("{said} begins");
    let Some(disk) = orders::disk(arguments.into_iter()) else {
        println!("no disk is named");
        return ExitCode::FAILURE;
    };
    let orders = match orders::read(&disk) {
        Ok(orders) => orders,
        Err(error) => {
            println!("reading {}: {error}", disk.display());
            return ExitCode::FAILURE;
        }
    };
    for words in orders {
        let Some((name, aims)) = words.split_first() else { continue };
        if name == "wait" {
            println!("waiting");
            let _ = std::io::stdout().flush();
            loop {
                let _ = call(libc::SYS_pause, &[]);
            }
        }
        let Some(attack) = attacks::find(name) else {
            println!("probe {name} UNKNOWN");
            continue;
        };
        println!("probe {name} TRIES");
        let aims: Vec<&str> = aims.iter().map(String::as_str).collect();
        let aim = attacks::Aim { words: &aims, disk: &disk };
        // Its own status is an error number; 0 is a theft.
        let ended = in_child(|| attack(&aim).err().unwrap_or_default());
        match ended {
            Ok(End::Status(0)) => println!("probe {name} STOLEN"),
            Ok(End::Status(error)) => {
                println!("probe {name} BLOCKED {}", std::io::Error::from_raw_os_error(error));
            }
            Ok(End::Signal(signal)) => println!("probe {name} BLOCKED ended by signal {signal}"),
            Err(error) => println!("probe {name} BROKEN {}", std::io::Error::from_raw_os_error(error)),
        }
    }
    println!("all tried");
    ExitCode::SUCCESS
}
