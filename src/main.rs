//! The okrd program: hands over to the command line and ends with its exit code.

fn main() -> std::process::ExitCode {
    okrd::cli::main()
}
