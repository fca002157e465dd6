//! `umbel-shim`: started by the agent's launcher with its descriptors in place, see `umbel_wire::launch`.

use std::process::ExitCode;

fn main() -> ExitCode {
    match umbel_shim::launch::take_over().and_then(umbel_shim::driver::drive) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut cause: Option<&dyn std::error::Error> = Some(&error);
            while let Some(error) = cause {
                eprintln!("umbel-shim: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}
