//! What stands and drives beside the car, shared between the moments in which nothing of it has changed.

use skidpad_engine::Simulation;
use skidpad_world::{ConePose, OtherPose};
use std::sync::Arc;

/// Cones and other vehicles at one instant, in the order of the scenario.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Beside {
    /// The cones.
    pub cones: Arc<[ConePose]>,
    /// The other vehicles.
    pub others: Arc<[OtherPose]>,
}

/// Looks at them moment after moment.
#[derive(Clone, Debug, Default)]
pub struct Looks {
    /// Count of the simulation's when the cones were looked at.
    cone_changes: u64,
    last: Option<Arc<Beside>>,
}

impl Looks {
    /// How it is now; `None` where there is nothing.
    pub fn look(&mut self, simulation: &Simulation) -> Option<Arc<Beside>> {
        if simulation.cones().len() == 0 && simulation.others().len() == 0 {
            return None;
        }
        let (changes, last) = (simulation.cone_changes(), self.last.as_ref());
        let cones = last.filter(|_| changes == self.cone_changes).map(|last| last.cones.clone());
        let others = last.filter(|last| simulation.others().eq(last.others.iter().copied()));
        if let (Some(_), Some(last)) = (&cones, others) {
            return Some(last.clone());
        }
        self.cone_changes = changes;
        self.last = Some(Arc::new(Beside {
            cones: cones.unwrap_or_else(|| simulation.cones().copied().collect()),
            others: others.map_or_else(|| simulation.others().collect(), |last| last.others.clone()),
        }));
        self.last.clone()
    }
}
