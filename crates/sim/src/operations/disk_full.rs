//! A log directory has no room for a while. Expected: nothing more than refusals.

use log::Outage;

use super::Operation;

pub const OPERATION: Operation = Operation {
    name: "disk_full",
    weight: |_| 3,
    perform: |world, [who, which, heals, _]| {
        let place = world.node(who);
        let directories = &mut world.nodes[place].stable().directories;
        let count = directories.len();
        let directory = &directories[which % count];
        if heals % 3 == 0 {
            directories.iter().filter(|dir| !dir.is_dead).for_each(|dir| dir.disk.heal());
        } else if !directory.is_dead {
            directory.disk.fail_from(0, Outage::Full);
            world.env.shadow.visit("fills a disk");
        }
        Ok(())
    },
};
