//! The program `umbel`.

fn main() -> std::process::ExitCode {
    umbel_server::cli::run()
}
