//! What well-known images run when a container names no command: the end of the image map, after the user's own.

use node::Image;

/// Images without an entry point of their own, and what they run by default. A container's `args` are the whole command there.
const DEFAULTS: [(&str, &str); 9] = [
    ("alpine", "sh"),
    ("busybox", "sh"),
    ("bash", "bash"),
    ("debian", "bash"),
    ("fedora", "bash"),
    ("golang", "bash"),
    ("rockylinux", "bash"),
    ("ubuntu", "bash"),
    ("python", "python3"),
];

/// The rows, under each of the names that one image goes by.
pub(crate) fn well_known() -> impl Iterator<Item = Image> {
    DEFAULTS.iter().flat_map(|(name, program)| {
        let patterns = [
            (*name).to_owned(),
            format!("docker.io/{name}"),
            format!("*library/{name}"),
        ];
        patterns.map(|pattern| Image {
            pattern,
            arguments: vec![(*program).to_owned()],
            ..Image::default()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_known_by_each_of_its_names() {
        for (reference, expected) in [
            ("python:3.12-alpine", Some("python3")),
            ("docker.io/python", Some("python3")),
            ("docker.io/library/alpine:3.20", Some("sh")),
            ("ubuntu@sha256:00", Some("bash")),
            ("someone/python:3", None),
            ("pythons", None),
        ] {
            let found = well_known().find(|image| image.matches(reference));
            let program = found.map(|image| image.arguments.join(" "));
            assert_eq!(program.as_deref(), expected, "{reference}");
        }
    }
}
