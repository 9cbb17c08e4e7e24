use super::*;
use proptest::prelude::*;

const NOW: u32 = 0x6b00_d2ff;

fn register(table: &mut Table, name: &str) -> Result<u32, Taken> {
    let registered = table.register(NodeEntry::new(name, 1), 9, NOW)?;
    Ok(registered.creation)
}

fn listed(table: &Table) -> Vec<String> {
    table.iter().map(|node| node.name.to_string()).collect()
}

#[test]
fn the_newest_registration_comes_first() {
    let mut table = Table::new();
    for name in ["a", "b", "c"] {
        assert!(register(&mut table, name).is_ok());
    }
    assert_eq!(listed(&table), ["c", "b", "a"]);
    assert!(table.remove("b").is_some());
    assert!(register(&mut table, "b").is_ok());
    assert_eq!(listed(&table), ["b", "c", "a"]);
}

#[test]
fn a_duplicate_leaves_the_first_owner_untouched() {
    let mut table = Table::new();
    assert_eq!(register(&mut table, "a"), Ok(NOW + 1));
    assert_eq!(table.register(NodeEntry::new("a", 2), 4, NOW), Err(Taken));
    assert_eq!(table.find("a").map(|entry| entry.port), Some(1));
}

#[test]
fn each_life_of_a_name_has_another_creation() {
    let mut table = Table::new();
    for life in 1..5 {
        assert_eq!(register(&mut table, "a"), Ok(NOW + life));
        assert!(table.remove("a").is_some());
    }
}

#[test]
fn creations_below_four_do_not_occur() {
    let mut table = Table::new();
    let mut creation = |name, now| {
        let registered = table
            .register(NodeEntry::new(name, 1), 3, now)
            .expect("free");
        table.remove(name);
        registered.creation
    };
    assert_eq!(creation("early", 0), 4);
    assert_eq!(creation("late", u32::MAX - 1), u32::MAX);
    assert_eq!(creation("late", NOW), 4);
}

#[test]
fn a_former_registration_cannot_give_the_name_up() {
    let mut table = Table::new();
    let entry = || NodeEntry::new("a", 1);
    let first = table.register(entry(), 3, NOW).expect("free");
    assert!(table.remove("a").is_some());
    let second = table.register(entry(), 3, NOW).expect("free again");
    assert!(!table.unregister("a", first.id));
    assert!(table.holds("a", second.id));
    assert!(table.unregister("a", second.id));
    assert!(!table.unregister("a", second.id));
    assert!(table.remove("a").is_none());
    assert_eq!(table.dump(1).unused.len(), 1);
}

/// As observed with `epmd -d` of OTP 25, whose limit is 5: one name after the other leaves six, and
/// names that go at once are all remembered.
#[test]
fn the_oldest_unused_name_makes_room_for_a_new_one() {
    let mut table = Table::with_max_unused(5);
    for number in 0..9 {
        let name = format!("n{number}");
        assert!(register(&mut table, &name).is_ok());
        assert!(table.remove(&name).is_some());
    }
    let unused = |table: &Table| {
        let lines = table.dump(1).unused.into_iter();
        lines.map(|line| line.name).collect::<Vec<_>>()
    };
    assert_eq!(unused(&table), ["n3", "n4", "n5", "n6", "n7", "n8"]);

    for number in 0..9 {
        assert!(register(&mut table, &format!("m{number}")).is_ok());
    }
    assert_eq!(unused(&table), ["n4", "n5", "n6", "n7", "n8"]);
    for number in 0..9 {
        assert!(table.remove(&format!("m{number}")).is_some());
    }
    assert_eq!(unused(&table).len(), 14);
    assert_eq!(register(&mut table, "n0"), Ok(NOW + 1), "forgotten");
    assert_eq!(register(&mut table, "n8"), Ok(NOW + 2), "remembered");
}

/// The table as the daemon has it: two lists that are searched.
#[derive(Default)]
struct Model {
    registered: Vec<(String, u32)>,
    unused: Vec<(String, u32)>,
}

impl Model {
    fn register(&mut self, name: &str, max_unused: usize) -> Option<u32> {
        if self.registered.iter().any(|node| node.0 == name) {
            return None;
        }
        let former = match self.unused.iter().position(|node| node.0 == name) {
            Some(at) => self.unused.remove(at).1,
            None => {
                if self.unused.len() > max_unused {
                    self.unused.remove(0);
                }
                NOW
            }
        };
        self.registered.insert(0, (name.to_owned(), former + 1));
        Some(former + 1)
    }

    fn remove(&mut self, name: &str) -> bool {
        let Some(at) = self.registered.iter().position(|node| node.0 == name) else {
            return false;
        };
        let node = self.registered.remove(at);
        self.unused.push(node);
        true
    }
}

proptest! {
    #[test]
    fn the_table_does_what_the_lists_of_the_daemon_do(
        steps in prop::collection::vec((any::<bool>(), 0..12_u8), 0..200),
        max_unused in 0..4_usize,
    ) {
        let mut table = Table::with_max_unused(max_unused);
        let mut model = Model::default();
        for (registers, number) in steps {
            let name = number.to_string();
            if registers {
                let expected = model.register(&name, max_unused);
                prop_assert_eq!(register(&mut table, &name).ok(), expected);
            } else {
                prop_assert_eq!(table.remove(&name).is_some(), model.remove(&name));
            }
            let dump = table.dump(1);
            let names = |lines: &[DumpLine]| {
                lines.iter().map(|line| line.name.clone()).collect::<Vec<_>>()
            };
            let expected = |nodes: &[(String, u32)]| {
                nodes.iter().map(|node| node.0.clone()).collect::<Vec<_>>()
            };
            prop_assert_eq!(names(&dump.active), expected(&model.registered));
            prop_assert_eq!(names(&dump.unused), expected(&model.unused));
            prop_assert_eq!(listed(&table), expected(&model.registered));
            prop_assert_eq!(table.len(), model.registered.len());
            for (name, creation) in &model.registered {
                let node = table.iter().find(|node| *node.name == **name);
                prop_assert_eq!(node.map(|node| node.creation), Some(*creation));
                prop_assert!(table.find(name).is_some());
            }
        }
    }
}
