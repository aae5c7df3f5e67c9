//! A log directory has no room for a while. Expected: refusals, or the directory goes offline until its
//! node is started anew; which takes it for one that may have lost records, so not the last that has all.

use log::Outage;

use super::Operation;
use crate::shadow::Loss;

pub const OPERATION: Operation = Operation {
    name: "disk_full",
    weight: |_| 3,
    perform: |world, [who, which, heals, _]| {
        let place = world.node(who);
        let directories = &world.nodes[place].stable().directories;
        let shadow = &mut world.env.shadow;
        if heals % 3 == 0 {
            for directory in directories.iter().filter(|dir| !dir.is_dead) {
                directory.disk.heal();
                shadow.losses.works(directory.id);
            }
            return Ok(());
        }
        let directory = &directories[which % directories.len()];
        if !directory.is_dead && shadow.may_crash(place, Loss::Process) {
            directory.disk.fail_from(0, Outage::Full);
            shadow.losses.fails(place, directory.id);
            shadow.visit("fills a disk");
        }
        Ok(())
    },
};
