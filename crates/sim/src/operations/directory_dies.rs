//! A log directory dies with all that is in it. Expected: its replicas go elsewhere, the broker lives on
//! with what is left, and nothing that was committed is lost.

use log::Outage;

use super::Operation;

pub const OPERATION: Operation = Operation {
    name: "directory_dies",
    weight: |shape| if !shape.loses_power { 0 } else { 2 * shape.directories },
    perform: |world, [who, which, ..]| {
        let place = world.node(who);
        let keys = world.env.shadow.keys_on(place);
        if !world.env.shape.loses_power || !world.env.shadow.may_lose(place, &keys) {
            return Ok(());
        }
        let directories = &mut world.nodes[place].stable().directories;
        let at = which % directories.len();
        if directories[at].is_lost {
            return Ok(());
        }
        directories[at].disk.fail_from(0, Outage::Crash);
        world.env.shadow.losses.fails(place, directories[at].id);
        world.env.shadow.lose(place, &keys, false);
        world.env.shadow.visit("loses a directory");
        world.touch(place, |process, env| {
            process.with_broker(env, |broker, process, env| {
                broker.directory_failed(process, env, at);
                Ok(())
            })
        })?;
        world.nodes[place].stable().directories[at].is_lost = true;
        Ok(())
    },
};
