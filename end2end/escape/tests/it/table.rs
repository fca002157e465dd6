//! The table is as large as it has to be and leaves no wall out.

use umbel_agent::walls::WallName;
use umbel_escape::probes::PROBES;

#[test]
fn there_are_forty_probes_and_every_wall_has_one() {
    assert!(PROBES.len() >= 40, "{}", PROBES.len());
    let walls: Vec<WallName> =
        PROBES.iter().flat_map(|probe| probe.walls).map(|name| name.parse().expect("a wall")).collect();
    for wall in WallName::ALL {
        assert!(walls.contains(&wall), "no probe for {wall}");
    }
}
