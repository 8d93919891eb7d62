//! Where on this machine groups can be made.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use super::{Tree, make_directory};

const MEMORY: &str = "memory";
const CPU: &str = "cpu";

/// A tree of groups that this machine has mounted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hierarchy {
    mount: PathBuf,
    /// The group of this process.
    own: PathBuf,
    /// The controller; none in the one tree of version 2, which has them all.
    controller: Option<&'static str>,
}

/// The trees that hold this process and may have controllers of ours.
pub(super) fn hierarchies() -> Vec<Hierarchy> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    parse(&read("/proc/self/cgroup"), &read("/proc/self/mountinfo"))
}

/// Version 2's tree comes last: a controller that is in a tree of its own is not in there.
fn parse(groups: &str, mounts: &str) -> Vec<Hierarchy> {
    let own = |wanted: Option<&str>| {
        groups.lines().find_map(|line| {
            let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
            let found = wanted.map_or(controllers.is_empty(), |c| controllers.split(',').any(|d| d == c));
            found.then_some(path)
        })
    };
    let controllers = [Some(MEMORY), Some(CPU), None];
    let found = controllers.into_iter().filter_map(|controller| {
        let (root, mount) = mounts.lines().find_map(|line| mount(line, controller))?;
        let below = Path::new(own(controller)?).strip_prefix(root).ok()?;
        Some(Hierarchy {
            own: mount.join(below),
            mount,
            controller,
        })
    });
    found.collect()
}

/// Root and place of a line of `mountinfo`, if it is the tree of a controller, or of version 2.
fn mount<'a>(line: &'a str, controller: Option<&str>) -> Option<(&'a str, PathBuf)> {
    let (here, there) = line.split_once(" - ")?;
    let mut here = here.split(' ').skip(3);
    let (root, place) = (here.next()?, here.next()?);
    let mut there = there.split(' ');
    let (kind, options) = (there.next()?, there.nth(1)?);
    let is_it = match controller {
        Some(controller) => kind == "cgroup" && options.split(',').any(|option| option == controller),
        None => kind == "cgroup2",
    };
    is_it.then(|| (root, PathBuf::from(place)))
}

impl Hierarchy {
    /// Makes the group `name` there, if this machine lets us.
    pub(super) fn open(&self, name: &str) -> Option<Tree> {
        if let Some(controller) = self.controller {
            let at = self.own.join(name);
            make_directory(&at).ok()?;
            return Some(Tree {
                at,
                unified: false,
                memory: controller == MEMORY,
                cpu: controller == CPU,
            });
        }
        let mut above = self.own.ancestors();
        above
            .by_ref()
            .take_while(|group| group.starts_with(&self.mount))
            .find_map(|group| open_unified(group, name))
    }
}

/// In version 2 a group that shares out anything has no processes itself, so ours is made beside this process, or
/// further up; moving a process there takes the right to write to the group above both.
fn open_unified(above: &Path, name: &str) -> Option<Tree> {
    OpenOptions::new()
        .write(true)
        .open(above.join("cgroup.procs"))
        .ok()?;
    enable(above);
    let at = above.join(name);
    make_directory(&at).ok()?;
    let given = enable(&at);
    let has = |controller| given.split_ascii_whitespace().any(|given| given == controller);
    let (memory, cpu) = (has(MEMORY), has(CPU));
    if !(memory || cpu) {
        drop(fs::remove_dir(&at));
        return None;
    }
    Some(Tree {
        at,
        unified: true,
        memory,
        cpu,
    })
}

/// Gives the groups below `group` what it has; what they have then comes back.
fn enable(group: &Path) -> String {
    let file = group.join("cgroup.subtree_control");
    for controller in [MEMORY, CPU] {
        // What is refused shows in the answer.
        drop(fs::write(&file, format!("+{controller}")));
    }
    fs::read_to_string(file).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(groups: &str, mounts: &str, expected: &[(&str, Option<&'static str>)]) {
        let found = parse(groups, mounts);
        let found: Vec<_> = found
            .iter()
            .map(|h| (h.own.to_str().unwrap(), h.controller))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_group_of_this_process_is_found_in_each_tree() {
        let mixed = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
                     32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
                     41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw\n";
        check(
            "4:memory:/a/b\n2:cpu,cpuacct:/\n0::/s\n",
            mixed,
            &[
                ("/sys/fs/cgroup/memory/a/b", Some(MEMORY)),
                ("/sys/fs/cgroup/cpu,cpuacct/", Some(CPU)),
                ("/sys/fs/cgroup/unified/s", None),
            ],
        );
        let unified = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        check(
            "0::/user.slice/user-1000.slice/session-2.scope\n",
            unified,
            &[("/sys/fs/cgroup/user.slice/user-1000.slice/session-2.scope", None)],
        );
        let contained = "30 23 0:26 /docker/c1 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        check(
            "4:memory:/docker/c1\n",
            contained,
            &[("/sys/fs/cgroup/memory/", Some(MEMORY))],
        );
        check("4:memory:/elsewhere\n", contained, &[]);
        check("", "", &[]);
    }
}
