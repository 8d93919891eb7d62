//! Tables: what is stored where, and that reading gives back what was written.

use serde_json::json;

use super::*;

fn workflow(nodes: impl IntoIterator<Item = NodeStatus>) -> Workflow {
    let mut workflow = Workflow::default();
    workflow.metadata.name = "wf".to_owned();
    workflow.metadata.uid = "11-22".to_owned();
    workflow.status.nodes = nodes.into_iter().map(|n| (n.id.clone(), n)).collect();
    workflow
}

fn node(id: &str) -> NodeStatus {
    NodeStatus {
        id: id.to_owned(),
        name: format!("wf.{id}"),
        ..NodeStatus::default()
    }
}

/// A node whose text does not compress: pseudo-random digits.
fn noisy(number: u64) -> NodeStatus {
    let mut seed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut digits = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        format!("{seed:016x}")
    };
    NodeStatus {
        message: (0..64).map(|_| digits()).collect(),
        ..node(&format!("wf-{number}"))
    }
}

fn read(chunks: &[ChunkObject]) -> Vec<Chunk<NodeStatus>> {
    let parse = |c: &ChunkObject| serde_json::from_str(&c.body).unwrap();
    chunks.iter().map(parse).collect()
}

/// Dehydrates and hydrates; answers the stored form.
fn round_trip(whole: &Workflow) -> (Workflow, Vec<ChunkObject>) {
    let mut stored = whole.clone();
    let chunks = dehydrate(&mut stored, 7).unwrap();
    let mut back = stored.clone();
    hydrate(&mut back, read(&chunks)).unwrap();
    assert!(back == *whole, "what is read is what was written");
    let mut value = serde_json::to_value(&stored).unwrap();
    let values = chunks.iter().map(|c| serde_json::from_str(&c.body).unwrap());
    hydrate_value(&mut value, values.collect()).unwrap();
    assert!(value == serde_json::to_value(whole).unwrap(), "as an object too");
    (stored, chunks)
}

#[test]
fn a_small_workflow_is_stored_as_it_is() {
    let whole = workflow([node("wf"), node("wf-1")]);
    let (stored, chunks) = round_trip(&whole);
    assert!(stored == whole && chunks.is_empty());
}

#[test]
fn a_large_one_is_compressed_as_argo_does() {
    let whole = workflow((0..40_000).map(|n| node(&format!("wf-{n}"))));
    let (stored, chunks) = round_trip(&whole);
    assert!(chunks.is_empty() && stored.status.nodes.is_empty());
    assert!(
        stored.status.compressed_nodes.starts_with("H4sI"),
        "gzip in base64"
    );
    assert!(serde_json::to_vec(&stored).unwrap().len() <= OBJECT_MAX);
}

#[test]
fn what_does_not_fit_compressed_goes_into_chunks_of_bounded_size() {
    let whole = workflow((0..4_000).map(noisy));
    let (stored, chunks) = round_trip(&whole);
    assert!(stored.status.nodes.is_empty() && stored.status.compressed_nodes.is_empty());
    assert!(
        stored
            .status
            .offload_node_status_version
            .starts_with("plimsoll.dev/v1:7-")
    );
    assert!(chunks.len() > 10);
    for chunk in &chunks {
        assert_eq!(chunk.name, chunk_name("11-22", chunk.number));
        assert!(chunk.body.len() < CHUNK_MAX + (8 << 10), "{}", chunk.body.len());
        let object: Value = serde_json::from_str(&chunk.body).unwrap();
        assert_eq!(object["metadata"]["ownerReferences"][0]["uid"], "11-22");
        assert_eq!(
            object["metadata"]["labels"]["workflows.argoproj.io/workflow"],
            "wf"
        );
    }
}

#[test]
fn long_lists_are_stored_in_parts() {
    let ids: Vec<String> = (0..3 * LIST_MAX + 1).map(|n| format!("wf-{n}")).collect();
    let mut group = node("wf-9");
    group.children.clone_from(&ids);
    group.outbound_nodes = ids[..LIST_MAX + 2].to_vec();
    assert_eq!(parts::count(&group), 4);
    let stored: BTreeMap<String, NodeStatus> = (0..4)
        .map(|nth| (key("wf-9", nth), slice(&group, nth).into_owned()))
        .collect();
    let keys: Vec<_> = stored.keys().collect();
    assert_eq!(keys, ["wf-9", "wf-9+000001", "wf-9+000002", "wf-9+000003"]);
    assert_eq!(stored["wf-9"].children.len(), LIST_MAX);
    assert_eq!(stored["wf-9+000001"].outbound_nodes.len(), 2);
    let others = [("wf-90".to_owned(), node("wf-90")), ("wf".to_owned(), node("wf"))];
    let whole = overlay(BTreeMap::new(), [stored], others.into());
    assert_eq!(whole.len(), 3);
    assert!(whole["wf-9"] == group);
}

#[test]
fn the_uppermost_version_counts() {
    let at = |phase: &str| NodeStatus {
        phase: phase.to_owned(),
        ..node("a")
    };
    let one = |node: NodeStatus| BTreeMap::from([("a".to_owned(), node)]);
    let none = BTreeMap::new;
    let check = |base: BTreeMap<String, NodeStatus>, chunks: Vec<_>, inline, expected: &str| {
        assert_eq!(overlay(base, chunks, inline)["a"].phase, expected);
    };
    check(one(at("base")), vec![], none(), "base");
    check(one(at("base")), vec![one(at("0"))], none(), "0");
    check(none(), vec![one(at("0")), one(at("1"))], none(), "1");
    check(none(), vec![one(at("0"))], one(at("inline")), "inline");
}

#[test]
fn manifests() {
    let check = |numbers: &[u32], expected: &str| {
        let manifest: Manifest = numbers.iter().copied().collect();
        assert_eq!(manifest.to_string(), expected);
        assert_eq!(Manifest::of(expected).unwrap(), manifest);
        assert_eq!(manifest.numbers().collect::<Vec<_>>(), numbers);
    };
    check(&[], "");
    check(&[0], "plimsoll.dev/v1:0");
    check(&[0, 1, 2], "plimsoll.dev/v1:0-2");
    check(&[0, 2, 3, 9], "plimsoll.dev/v1:0,2-3,9");
    for foreign in [
        "fnv:1234",
        "plimsoll.dev/v1:",
        "plimsoll.dev/v1:3-1",
        "plimsoll.dev/v1:2,1",
        "plimsoll.dev/v1:0-2,2",
    ] {
        assert_eq!(
            Manifest::of(foreign),
            Err(Unreadable::Foreign(foreign.to_owned()))
        );
    }
}

#[test]
fn what_is_not_there_is_said() {
    let mut broken = workflow([]);
    broken.status.offload_node_status_version = "plimsoll.dev/v1:0-1".to_owned();
    let there = Chunk {
        workflow: "11-22".to_owned(),
        number: 0,
        nodes: BTreeMap::new(),
    };
    assert_eq!(hydrate(&mut broken, vec![there]), Err(Unreadable::Missing(1)));
    let mut broken = workflow([]);
    broken.status.compressed_nodes = "H4sIAAAA".to_owned();
    assert!(matches!(hydrate(&mut broken, vec![]), Err(Unreadable::Packed(_))));
    let name = json!({"metadata": {"name": "other"}});
    assert!(serde_json::from_value::<Chunk<Value>>(name).is_err());
}
