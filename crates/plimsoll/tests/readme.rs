//! README's table of exit codes is the command line's own.

mod support;

#[test]
fn the_exit_codes_of_the_readme_are_those_of_the_program() {
    let readme = std::fs::read_to_string(support::repository().join("README.md")).expect("README is there");
    let rows: String = cli::exit::TABLE
        .iter()
        .map(|(exit, meaning)| format!("| {} | {meaning} |\n", exit.code()))
        .collect();
    assert!(readme.contains(&rows), "README should hold:\n{rows}");
}
