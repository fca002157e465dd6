//! `umbel-agent`, see the library.

fn main() -> std::process::ExitCode {
    umbel_agent::cli::main()
}
