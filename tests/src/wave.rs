//! The command `wave`, built once more so that the tests of this package can run it.

fn main() -> std::process::ExitCode {
    wavespeed_cli::main()
}
