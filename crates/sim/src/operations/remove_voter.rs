//! A voter is taken out of the quorum, be it the leader. Expected: the others go on.

use raft::{Input, Request, RequestId};

use super::Operation;
use crate::node::replica_key;

pub const OPERATION: Operation = Operation {
    name: "remove_voter",
    weight: |_| 4,
    perform: |world, [who, ..]| {
        let controllers: Vec<usize> = world.env.shape.controllers().collect();
        let place = controllers[who % controllers.len()];
        let Some(leader) = world.leading_controller() else { return Ok(()) };
        let request = Request::RemoveVoter(replica_key(place));
        let id = RequestId(world.env.number());
        world.env.shadow.quorum.asked(id, &request);
        world.touch(leader, |process, env| process.step(env, Input::Request { id, request }))
    },
};
