//! `skidpad-desktop`: see `skidpad-desktop --help`.

fn main() -> std::process::ExitCode {
    skidpad_desktop::app::main()
}
