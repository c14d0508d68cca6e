//! The command `wave`. Everything is in the library beside it, so that tests can run it, too.

fn main() -> std::process::ExitCode {
    wavespeed_cli::main()
}
